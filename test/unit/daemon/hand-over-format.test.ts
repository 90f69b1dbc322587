import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Entry } from '../../../src/cache/entry.ts';
import {
  cacheFrame,
  END_FRAME,
  entryFrame,
  HandOverReader,
  PREAMBLE,
  type ReceivedEntry,
} from '../../../src/daemon/hand-over-format.ts';
import { readAnswer } from '../../../src/dns/answer.ts';
import { answerTo, keyOf } from './hand-over-fixture.ts';

const NOW_MS = 5000;

function entry(name: string, lifetimeSeconds = 30): Entry {
  const answer = readAnswer(answerTo(name));
  if (answer === null) throw new Error('the fixture is wrong');
  const options = { kind: 0, answersQuestion: true, storedAtMs: NOW_MS - 1000, staleMs: 0 };
  return new Entry(keyOf(name), answer, { ...options, lifetimeSeconds });
}

const whole = Buffer.concat([
  PREAMBLE,
  cacheFrame('dns://10.0.0.1:53 .'),
  entryFrame(entry('a'), NOW_MS),
  entryFrame(entry('b', 5), NOW_MS),
  cacheFrame('dns://10.0.0.1:53 example.'),
  entryFrame(entry('c'), NOW_MS),
  END_FRAME,
]);

/** What a reader makes of octets that come in pieces; null when it refuses them. */
function read(pieces: readonly Buffer[]): { entries: ReceivedEntry[]; hasEnded: boolean } | null {
  const entries: ReceivedEntry[] = [];
  const reader = new HandOverReader((one) => entries.push({ ...one, wire: Buffer.from(one.wire) }));
  if (!pieces.every((piece) => reader.push(piece))) return null;
  return { entries, hasEnded: reader.hasEnded };
}

describe('HandOverReader', () => {
  test('reads what was written: caches, keys, answers, and what is left of their time', () => {
    const found = read([whole]);
    expect(found?.hasEnded).toBe(true);
    expect(found?.entries.map(({ cache, key, remainingMs }) => [cache, key, remainingMs])).toEqual([
      ['dns://10.0.0.1:53 .', keyOf('a'), 29_000],
      ['dns://10.0.0.1:53 .', keyOf('b'), 4000],
      ['dns://10.0.0.1:53 example.', keyOf('c'), 29_000],
    ]);
    expect(found?.entries[0].wire).toEqual(answerTo('a'));
  });

  test('reads the same octet by octet', () => {
    const octets = Array.from(whole, (octet) => Buffer.from([octet]));
    expect(read(octets)).toEqual(read([whole]));
  });

  test('has not ended before the end', () => {
    expect(read([whole.subarray(0, -1)])).toMatchObject({ hasEnded: false });
  });

  test.each<[string, Buffer]>([
    ['another first line', Buffer.from('nodelocaldns cache 2\n')],
    ['an answer of some other program', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    ['an unknown kind', Buffer.concat([PREAMBLE, Buffer.from([0, 0, 0, 1, 9])])],
    ['an empty frame', Buffer.concat([PREAMBLE, Buffer.alloc(4)])],
    ['a frame without end', Buffer.concat([PREAMBLE, Buffer.from([0xff, 0, 0, 0, 2])])],
    ['an entry without a cache', Buffer.concat([PREAMBLE, entryFrame(entry('a'), NOW_MS)])],
    ['something after the end', Buffer.concat([whole, Buffer.from([0])])],
    [
      'a key longer than its frame',
      Buffer.concat([PREAMBLE, cacheFrame('c'), Buffer.from([0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 9, 0])]),
    ],
  ])('refuses %s', (_, octets) => {
    expect(read([octets])).toBeNull();
  });

  test('neither throws nor gives an entry out of bounds, whatever comes', () => {
    const spoil = fc.array(fc.record({ at: fc.nat(whole.length - 1), octet: fc.nat(255) }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(spoil, fc.nat(whole.length), fc.nat(whole.length), (changes, cut, length) => {
        const octets = Buffer.from(whole);
        for (const { at, octet } of changes) octets[at] = octet;
        const sent = octets.subarray(0, length);
        const found = read([sent.subarray(0, cut), sent.subarray(cut)]);
        for (const { key, wire } of found?.entries ?? []) {
          expect(key.length).toBeLessThanOrEqual(260);
          expect(wire.length).toBeGreaterThan(0);
        }
      }),
      { seed: 5, numRuns: 2000 },
    );
  });
});
