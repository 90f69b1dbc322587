import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Answer, readAnswer } from '../../../src/dns/answer.ts';
import { FLAG_AA } from '../../../src/dns/header.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/dns/message.ts';
import { DOES_NOT_FIT, writeReply } from '../../../src/dns/reply.ts';
import { truncateReply } from '../../../src/dns/truncate.ts';
import { addresses, answerOf, queryWire, responseArbitrary, SEED, viewOf } from './messages.ts';

/** The reply to `query`, cut to `limit`. */
function cut(answer: Answer, query: Buffer, limit: number, aaFlag = 0): Buffer {
  const packetBefore = Buffer.concat([Buffer.alloc(3), query]);
  const memory = Buffer.from(packetBefore);
  const view = viewOf(query);
  const reply = truncateReply(answer, view, memory, 3, limit, aaFlag, view.echo, view.echoLength);
  expect(memory).toEqual(packetBefore);
  return reply;
}

const BIG = answerOf('big.test', 'A', { answers: addresses('big.test', 60) });

describe('a reply that is too long', () => {
  test.each([
    ['no EDNS', null, 512, 30, 506],
    ['EDNS and 700 octets', { size: 700 }, 700, 41, 693],
    ['EDNS and one octet more than 41 records need', { size: 694 }, 694, 41, 693],
    ['EDNS and one octet less', { size: 692 }, 692, 40, 677],
  ])('keeps whole records: %s', (_, opt, limit, count, length) => {
    const reply = cut(BIG, queryWire('Big.Test', 'A', opt), limit);
    const decoded = packet.decode(reply);
    expect(reply).toHaveLength(length);
    expect(decoded).toMatchObject({ id: 0x1234, flag_tc: true, questions: [{ name: 'Big.Test' }] });
    expect(decoded.answers?.map((record) => ('data' in record ? record.data : ''))).toEqual(
      addresses('big.test', count).map((record) => (record as { data: string }).data),
    );
    expect(decoded.additionals).toHaveLength(opt === null ? 0 : 1);
  });

  test('52 A records of large.example.com take 867 octets exactly', () => {
    const answer = answerOf('large.example.com', 'A', {
      answers: addresses('large.example.com', 200),
    });
    const reply = cut(answer, queryWire('large.example.com', 'A'), 867);
    expect(reply).toHaveLength(867);
    expect(packet.decode(reply).answers).toHaveLength(52);
  });

  test('leaves out additional records first, then authority, then answers', () => {
    const answer = answerOf('a.test', 'A', {
      answers: addresses('a.test', 20),
      authorities: addresses('b.test', 20),
      additionals: addresses('c.test', 20),
    });
    const counts = (limit: number) => {
      const { answers, authorities, additionals } = packet.decode(
        cut(answer, queryWire('a.test', 'A'), limit),
      );
      return [answers, authorities, additionals].map((section) => section?.length);
    };
    const start = 24 + 20 * 16;
    const names = 4;
    expect(counts(start - 1)).toEqual([19, 0, 0]);
    expect(counts(start + names / 2 + 5 * 16)).toEqual([20, 5, 0]);
    expect(counts(start + names + 25 * 16)).toEqual([20, 20, 5]);
  });

  test('repeats flags and options as any reply does', () => {
    const query = queryWire(
      'big.test',
      'A',
      { size: 600, options: [{ code: 3, data: Buffer.alloc(9) }] },
      0x0110,
    );
    const reply = cut(BIG, query, 600, FLAG_AA);
    expect(reply.readUInt16BE(2)).toBe(0x8790);
    expect(reply.length).toBeLessThanOrEqual(600);
    expect(packet.decode(reply).additionals?.[0]).toMatchObject({ options: [{ code: 3 }] });
  });
});

test('a reply that fits is whole, without TC', () => {
  const reply = cut(BIG, queryWire('big.test', 'A'), 1232);
  expect(packet.decode(reply)).toMatchObject({ flag_tc: false });
  expect(reply).toHaveLength(BIG.wire.length);
});

test('an answer that was kept spelled out is compressed first', () => {
  const name = 'a-rather-long-name.with-many-labels.in-a-namespace.svc.cluster.local';
  const answer = answerOf(name, 'A', { answers: addresses(name, 5) });
  expect(answer.wire).toHaveLength(answer.uncompressedLength);
  const query = queryWire(name, 'A', { size: 512 });
  const view = viewOf(query);
  const room = answer.wire.length + 10;
  expect(writeReply(answer, view, Buffer.alloc(600), 0, room, 0, null, 0)).toBe(DOES_NOT_FIT);
  const decoded = packet.decode(cut(answer, query, room));
  expect(decoded.answers).toHaveLength(5);
  expect(decoded.flag_tc).toBe(false);
});

test('nothing of a signed answer is kept: a part of it would have no valid signature', () => {
  const wire = encodeMessage(decodeMessage(BIG.wire) as Message);
  const signed = Buffer.concat([wire, Buffer.from('0000fa00ff000000000000', 'hex')]);
  signed.writeUInt16BE(1, 10);
  const answer = readAnswer(signed) as Answer;
  expect(answer.hasTsig).toBe(true);
  const reply = cut(answer, queryWire('big.test', 'A'), 512);
  expect(packet.decode(reply)).toMatchObject({ answers: [], additionals: [], flag_tc: true });
});

test('an answer to a question of another length becomes SERVFAIL', () => {
  const decoded = packet.decode(cut(BIG, queryWire('other.test', 'A'), 512));
  expect(decoded).toMatchObject({
    rcode: 'SERVFAIL',
    answers: [],
    questions: [{ name: 'other.test' }],
  });
});

test('what is cut is a readable beginning of the answer within the limit', () => {
  fc.assert(
    fc.property(responseArbitrary, fc.nat({ max: 700 }), fc.boolean(), (message, extra, hasOpt) => {
      const wire = encodeMessage(message);
      const answer = readAnswer(wire) as Answer;
      const limit = answer.questionEnd + 11 + extra;
      const asked = {
        flags: 0x0100,
        questionEnd: answer.questionEnd,
        hasOpt,
        ednsSize: 700,
        dnssecOk: false,
      };
      const reply = truncateReply(answer, asked, wire, 0, limit, 0);
      expect(reply.length).toBeLessThanOrEqual(limit);
      const kept = decodeMessage(reply) as Message;
      const sections = (from: Message) =>
        [from.answers, from.authorities, from.additionals.filter(({ type }) => type !== 41)].flat();
      const all = sections(decodeMessage(wire) as Message);
      expect(sections(kept)).toEqual(all.slice(0, sections(kept).length));
      expect((kept.flags & 0x0200) !== 0).toBe(sections(kept).length < all.length);
    }),
    { seed: SEED },
  );
});
