/** Answers and caches for tests of the hand-over. */
import { AnswerCache } from '../../../src/cache/answer-cache.ts';
import { CacheBudget } from '../../../src/cache/budget.ts';
import type { CachePart } from '../../../src/plugins/cache-part.ts';

function question(name: string): string {
  return `${String.fromCharCode(name.length)}${name}\x07example\0\0\x01\0\x01`;
}

/** The key of `NAME.example A`. */
export function keyOf(name: string): string {
  return `${question(name)}\0`;
}

/** `NAME.example. 30 IN A 10.0.0.2`, as a response. */
export function answerTo(name: string): Buffer {
  const header = '\0\0\x81\x80\0\x01\0\x01\0\0\0\0';
  const record = '\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x02';
  return Buffer.from(header + question(name) + record, 'latin1');
}

/** An open cache that keeps what it is given for as long as its TTL, at most an hour. */
export function openCache(name: string): CachePart {
  const bounds = { capacity: 10_000, disabledZones: [], minTtlSeconds: 5, maxTtlSeconds: 3600 };
  const cache = new AnswerCache(
    {
      success: bounds,
      denial: bounds,
      servfailSeconds: 5,
      staleMs: 0,
      preferPositive: false,
      guard: { zones: [], durationMs: 0 },
    },
    { budget: new CacheBudget(1 << 20), unixSeconds: () => 0 },
  );
  cache.open();
  // The rest of the part is about metrics.
  return { name, cache } as unknown as CachePart;
}
