import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerCache, type AnswerCacheOptions } from '../../../src/cache/answer-cache.ts';
import { CacheBudget } from '../../../src/cache/budget.ts';

const NOW_MS = 100_000;
const QUESTION = '\x01a\x07example\0\0\x01\0\x01';
const KEY = `${QUESTION}\0`;
const RECORD = '\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x02';

/** A response with one record; `flags` is its second header word. */
const response = (flags = '\x81\x80', rest = '\0\x01\0\x01\0\0\0\0') =>
  Buffer.from(`\0\0${flags}${rest}${QUESTION}${RECORD}`, 'latin1');

function openCache(more: Partial<AnswerCacheOptions> = {}): AnswerCache {
  const bounds = { capacity: 1024, disabledZones: [], minTtlSeconds: 5, maxTtlSeconds: 3600 };
  const cache = new AnswerCache(
    {
      success: bounds,
      denial: bounds,
      servfailSeconds: 5,
      staleMs: 0,
      preferPositive: false,
      guard: { zones: [], durationMs: 0 },
      ...more,
    },
    { budget: new CacheBudget(1 << 20), unixSeconds: () => 0 },
  );
  cache.open();
  return cache;
}

describe('restore', () => {
  test('keeps an answer for what is left of its time', () => {
    const cache = openCache();
    expect(cache.restore({ key: KEY, wire: response(), remainingMs: 12_000 }, NOW_MS)).toBe(true);
    const entry = cache.get(KEY);
    expect(entry?.lifetimeSeconds).toBe(30);
    expect(entry?.remainingSeconds(NOW_MS)).toBe(12);
    expect(cache.successCount).toBe(1);
  });

  test('never for longer than its own rules allow', () => {
    const bounds = { capacity: 1024, disabledZones: [], minTtlSeconds: 1, maxTtlSeconds: 7 };
    const cache = openCache({ success: bounds });
    cache.restore({ key: KEY, wire: response(), remainingMs: 0x7fff_ffff }, NOW_MS);
    expect(cache.get(KEY)?.remainingSeconds(NOW_MS)).toBe(7);
  });

  test('takes one that has expired only where stale answers are served', () => {
    const expired = { key: KEY, wire: response(), remainingMs: -2000 };
    expect(openCache().restore(expired, NOW_MS)).toBe(false);
    const cache = openCache({ staleMs: 60_000 });
    expect(cache.restore(expired, NOW_MS)).toBe(true);
    const entry = cache.get(KEY);
    expect(entry?.remainingSeconds(NOW_MS)).toBe(-2);
    expect(cache.restore({ ...expired, remainingMs: -62_000 }, NOW_MS)).toBe(false);
  });

  test.each<[string, string, Buffer]>([
    ['an answer to another question', KEY.replace('a', 'b'), response()],
    ['a key with flags that there are not', `${QUESTION}\x04`, response()],
    ['an empty key', '', response()],
    ['a query', KEY, response('\x01\x00')],
    ['a truncated answer', KEY, response('\x83\x80')],
    ['an answer that is refused', KEY, response('\x81\x85')],
    ['records that are not there', KEY, response('\x81\x80', '\0\x01\0\x05\0\0\0\0')],
    ['octets that are no message', KEY, Buffer.from('no message')],
  ])('does not take %s', (_, key, wire) => {
    const cache = openCache();
    expect(cache.restore({ key, wire, remainingMs: 10_000 }, NOW_MS)).toBe(false);
    expect([...cache.entries()]).toEqual([]);
  });

  test('stores only what can be served, whatever it is given', () => {
    const wire = response();
    const changes = fc.array(fc.tuple(fc.nat(wire.length - 1), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(changes, fc.nat(wire.length), fc.integer(), (octets, length, remainingMs) => {
        const cache = openCache();
        const message = Buffer.from(wire.subarray(0, length));
        for (const [at, octet] of octets) if (at < length) message[at] = octet;
        const key = `${message.toString('latin1', 12, 12 + QUESTION.length).toLowerCase()}\0`;
        if (!cache.restore({ key, wire: message, remainingMs }, NOW_MS)) return;
        const entry = cache.get(key);
        if (entry === null) throw new Error('stored under another key');
        expect(entry.expiresAtMs - NOW_MS).toBeLessThanOrEqual(3_600_000);
        expect(entry.toWire().length).toBeGreaterThan(12);
        expect(entry.toAnswer(5)).not.toBeNull();
      }),
      { seed: 7, numRuns: 3000 },
    );
  });
});
