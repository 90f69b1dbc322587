import packet from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { KIND_SUCCESS } from '../../../src/cache/classification.ts';
import { Entry } from '../../../src/cache/entry.ts';
import { HitAnswer } from '../../../src/cache/hit-answer.ts';
import type { Answer } from '../../../src/dns/answer.ts';
import { FLAG_AD, FLAG_RA } from '../../../src/dns/header.ts';
import { a, makeAnswer, makeQuery, type Reply, soa } from '../../helpers/cache-fixture.ts';

function makeEntry(name: string, reply: Reply): { entry: Entry; answer: Answer } {
  const answer = makeAnswer({ name }, reply);
  const entry = new Entry(makeQuery({ name }).key, answer, {
    kind: KIND_SUCCESS,
    lifetimeSeconds: 30,
    answersQuestion: true,
    storedAtMs: 1000.75,
    staleMs: 5000,
  });
  return { entry, answer };
}

/** The fields of an answer that a reply is written from. */
function fieldsOf({ wire, ttlOffsets, ...answer }: Answer) {
  const { flags, rcode, questionEnd, answerCount, authorityCount, additionalCount } = answer;
  return {
    wire: wire.toString('hex'),
    ttlOffsets: [...ttlOffsets],
    counts: [answerCount, authorityCount, additionalCount],
    uncompressedLength: answer.uncompressedLength,
    flags,
    rcode,
    questionEnd,
  };
}

const replies: [string, Reply][] = [
  ['one record', { answers: [a(60)] }],
  ['several sections', { answers: [a(60), a(60, 2)], authorities: [soa(60)] }],
  ['no record', { rcode: 'NXDOMAIN' }],
  ['flags', { answers: [a(60)], flags: FLAG_AD | FLAG_RA }],
  [
    'more than a kept view',
    { answers: Array.from({ length: 120 }, (_, i) => ({ ...a(60, i), name: `long${i}.test` })) },
  ],
];

describe('an entry', () => {
  test.each(replies)('gives back the answer with its new TTL: %s', (_, reply) => {
    const { entry, answer } = makeEntry('a.test', reply);
    answer.setTtl(17);
    const returned = entry.toAnswer(17);
    expect(returned && fieldsOf(returned)).toEqual(fieldsOf(answer));
    expect(fieldsOf(new HitAnswer().fill(entry, 17))).toEqual(fieldsOf(answer));
  });

  test('does not change with the answer it was made of', () => {
    const { entry, answer } = makeEntry('a.test', replies[1][1]);
    const before = entry.wire;
    answer.wire.fill(0);
    expect(entry.wire).toBe(before);
    expect(packet.decode(Buffer.from(entry.wire, 'latin1')).answers).toHaveLength(2);
  });

  test('lives whole seconds from when it was stored', () => {
    const { entry } = makeEntry('a.test', replies[0][1]);
    expect(entry.expiresAtMs).toBe(31_000);
    expect(entry.discardSecond).toBe(36);
    expect(entry.remainingSeconds(1000)).toBe(30);
    expect(entry.remainingSeconds(1999.9)).toBe(30);
    expect(entry.remainingSeconds(2000)).toBe(29);
    expect(entry.remainingSeconds(30_999)).toBe(1);
    expect(entry.remainingSeconds(31_000)).toBe(0);
  });

  test('counts hits in a row', () => {
    const { entry } = makeEntry('a.test', replies[0][1]);
    entry.noteHit(100_000, 60_000);
    entry.noteHit(160_000, 60_000);
    expect(entry.hits).toBe(2);
    entry.noteHit(220_001, 60_000);
    expect(entry.hits).toBe(1);
  });
});

test('a hit answer is filled again without a trace of the one before', () => {
  const hitAnswer = new HitAnswer();
  const long = makeEntry('long.name.test', replies[4][1]);
  const short = makeEntry('b.test', replies[0][1]);
  hitAnswer.fill(long.entry, 9);
  short.answer.setTtl(3);
  expect(fieldsOf(hitAnswer.fill(short.entry, 3))).toEqual(fieldsOf(short.answer));
  long.answer.setTtl(2 ** 31 + 1);
  expect(fieldsOf(hitAnswer.fill(long.entry, 2 ** 31 + 1))).toEqual(fieldsOf(long.answer));
});
