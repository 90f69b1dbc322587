import packet from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { KIND_SUCCESS } from '../../../src/cache/classification.ts';
import { Entry } from '../../../src/cache/entry.ts';
import type { Answer } from '../../../src/dns/answer.ts';
import { FLAG_AA, FLAG_AD, FLAG_RA } from '../../../src/dns/header.ts';
import type { QueryView } from '../../../src/dns/query-view.ts';
import { DOES_NOT_FIT, writeReply, writeStored } from '../../../src/dns/reply.ts';
import {
  type Asking,
  a,
  makeAnswer,
  makeQuery,
  type Reply,
  soa,
  viewOf,
} from '../../helpers/cache-fixture.ts';

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
    // The ID is the client's.
    wire: wire.toString('hex', 2),
    ttlOffsets: [...ttlOffsets],
    counts: [answerCount, authorityCount, additionalCount],
    uncompressedLength: answer.uncompressedLength,
    flags,
    rcode,
    questionEnd,
  };
}

/** The reply that `write` makes of a query, in hexadecimal digits. */
function replyTo(asking: Asking, write: (view: QueryView, packet: Buffer) => number): string {
  const packet = Buffer.alloc(ROOM);
  makeQuery(asking).wire.copy(packet);
  const length = write(viewOf(asking), packet);
  return packet.toString('hex', 0, length);
}

const ROOM = 8192;

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
  });

  test.each(replies)('is written as the answer would be: %s', (_, reply) => {
    const { entry, answer } = makeEntry('a.test', reply);
    for (const ttlSeconds of [3, 2 ** 31 + 1]) {
      answer.setTtl(ttlSeconds);
      for (const asking of [{}, { edns: 4096 }, { edns: 4096, do: true, ad: true }]) {
        const expected = replyTo({ name: 'A.tesT', ...asking }, (view, packet) =>
          writeReply(answer, view, packet, 0, ROOM, FLAG_AA, view.echo, view.echoLength),
        );
        const written = replyTo({ name: 'A.tesT', ...asking }, (view, packet) =>
          writeStored(entry, ttlSeconds, view, packet, 0, ROOM, view.echo, view.echoLength),
        );
        expect(written).toBe(expected);
      }
    }
  });

  test.each([
    ['that has no room for it', { name: 'a.test' }, 30],
    ['with another question', { name: 'ab.test' }, ROOM],
  ])('is not written to a place %s', (_, asking, limit) => {
    const { entry } = makeEntry('a.test', replies[0][1]);
    const view = viewOf(asking);
    const packet = Buffer.alloc(ROOM, 7);
    expect(writeStored(entry, 1, view, packet, 0, limit, view.echo, 0)).toBe(DOES_NOT_FIT);
    expect(packet.every((octet) => octet === 7)).toBe(true);
  });

  test('does not change with the answer it was made of', () => {
    const { entry, answer } = makeEntry('a.test', replies[1][1]);
    const before = entry.toWire();
    answer.wire.fill(0);
    expect(entry.toWire()).toEqual(before);
    expect(packet.decode(before).answers).toHaveLength(2);
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
