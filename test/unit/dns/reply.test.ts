import packet from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { FLAG_AA } from '../../../src/dns/header.ts';
import { QueryView } from '../../../src/dns/query-view.ts';
import { DOES_NOT_FIT, writeRcode, writeReply } from '../../../src/dns/reply.ts';
import { respond } from '../../../src/dns/synthesis.ts';
import { addresses, answerOf, queryOf, queryWire, records, viewOf } from './messages.ts';

const START = 5;

/** The query in the middle of a buffer full of something else, as in the receive memory. */
function received(wire: Buffer, capacity = 1000): { memory: Buffer; view: QueryView } {
  const memory = Buffer.alloc(START + capacity, 0xee);
  wire.copy(memory, START);
  const view = new QueryView();
  view.read(memory, START, wire.length);
  return { memory, view };
}

/** The reply to `wire`, as the client gets it. */
function reply(wire: Buffer, answer: ReturnType<typeof answerOf>, aaFlag = 0): Buffer {
  const { memory, view } = received(wire);
  const length = writeReply(answer, view, memory, START, 1000, aaFlag, view.echo, view.echoLength);
  expect(memory.subarray(0, START).toString('hex')).toBe('ee'.repeat(START));
  expect(memory[START + Math.max(length, wire.length)]).toBe(0xee);
  return memory.subarray(START, START + length);
}

const ANSWER = answerOf('a.test', 'A', { flags: 0x84a0, answers: addresses('a.test', 2) });

describe('a reply', () => {
  test('has the ID and question of the query, in its letter case, and the records of the answer', () => {
    const decoded = packet.decode(reply(queryWire('A.tEST', 'A'), ANSWER));
    expect(decoded).toMatchObject({
      id: 0x1234,
      type: 'response',
      questions: [{ name: 'A.tEST' }],
    });
    expect(decoded.answers).toEqual(packet.decode(ANSWER.wire).answers);
    expect(decoded.additionals).toEqual([]);
  });

  test.each([
    ['RD and CD are the query’s in an answer of our own', 0x0110, 0x8400, FLAG_AA, 0x8510],
    ['CD is upstream’s in one that passes through', 0x0110, 0x8400, 0, 0x8500],
    ['CD is upstream’s there also when it is set', 0x0100, 0x8410, 0, 0x8510],
    ['RA, AA and the code are the answer’s', 0x0000, 0x8483, 0, 0x8483],
    ['RA of the query is none', 0x0080, 0x8400, 0, 0x8400],
    ['AA is set on demand', 0x0100, 0x8080, FLAG_AA, 0x8580],
    ['AD is shown to those who set AD', 0x0020, 0x84a0, 0, 0x84a0],
    ['AD is hidden from others', 0x0000, 0x84a0, 0, 0x8480],
    ['the reserved bit is never sent', 0x0040, 0x8440, 0, 0x8400],
    ['NOTIFY is answered as NOTIFY', 0x2000, 0x8400, 0, 0xa400],
    ['TC stays', 0x0100, 0x8200, 0, 0x8300],
  ])('%s', (_, asked, answered, aaFlag, expected) => {
    const query = queryWire('a.test', 'A', null, asked & 0x87ff);
    query.writeUInt16BE(asked, 2);
    const answer = answerOf('a.test', 'A', { flags: answered });
    expect(reply(query, answer, aaFlag).readUInt16BE(2)).toBe(expected);
  });

  test('AD is shown to those who set DO', () => {
    const wire = reply(queryWire('a.test', 'A', { dnssecOk: true }), ANSWER);
    expect(wire.readUInt16BE(2) & 0x0020).toBe(0x0020);
  });

  test('has an OPT record, the last, with the size and DO of the client and the options to repeat', () => {
    const options = [
      { code: 3, data: Buffer.from('x') },
      { code: 10, data: Buffer.alloc(8) },
    ];
    const query = queryWire('a.test', 'A', { size: 900, dnssecOk: true, options });
    const answer = answerOf('a.test', 'A', { additionals: addresses('b.test', 1) });
    const decoded = packet.decode(reply(query, answer));
    expect(decoded.additionals).toHaveLength(2);
    expect(decoded.additionals?.[1]).toMatchObject({
      type: 'OPT',
      name: '.',
      udpPayloadSize: 900,
      ednsVersion: 0,
      extendedRcode: 0,
      flags: 0x8000,
      options: [{ code: 3 }],
    });
  });

  test('is shorter than the query when the answer is', () => {
    const query = queryWire('a.test', 'A', { options: [{ code: 12, data: Buffer.alloc(300) }] });
    expect(reply(query, answerOf('a.test', 'A', {}))).toHaveLength(24 + 11);
  });

  test('is not written beyond the limit', () => {
    const { memory, view } = received(queryWire('a.test', 'A', {}));
    const before = Buffer.from(memory);
    const length = ANSWER.wire.length + 11;
    expect(writeReply(ANSWER, view, memory, START, length - 1, 0, null, 0)).toBe(DOES_NOT_FIT);
    expect(memory).toEqual(before);
    expect(writeReply(ANSWER, view, memory, START, length, 0, null, 0)).toBe(length);
  });

  test('is not made of an answer whose question has another length', () => {
    const { memory, view } = received(queryWire('aa.test', 'A'));
    expect(writeReply(ANSWER, view, memory, START, 1000, 0, null, 0)).toBe(DOES_NOT_FIT);
  });

  test('an extended code is split between header and OPT; without OPT it is SERVFAIL', () => {
    const plain = queryWire('a.test', 'A');
    const answer = respond(queryOf(plain), { rcode: 23, answers: records('a.test 1 A 1.1.1.1') });
    expect(answer.rcode).toBe(23);
    expect(reply(plain, answer).readUInt16BE(2) & 15).toBe(2);
    const extended = reply(queryWire('a.test', 'A', { size: 900 }), answer);
    expect(extended.readUInt16BE(2) & 15).toBe(7);
    expect(packet.decode(extended).additionals?.[0]).toMatchObject({
      extendedRcode: 1,
      udpPayloadSize: 900,
    });
  });
});

describe('a bare reply', () => {
  const bare = (wire: Buffer, rcode: number): Buffer => {
    const { memory, view } = received(wire);
    return memory.subarray(START, START + writeRcode(view, memory, START, rcode));
  };

  test('has the question, the code and no records', () => {
    const query = queryWire('a.test', 'A', null, 0x0110);
    expect(bare(query, 5).toString('hex')).toBe(
      `1234811500010000000000000161047465737400${'00010001'}`,
    );
  });

  test('has OPT where the client has', () => {
    const decoded = packet.decode(
      bare(queryWire('a.test', 'A', { size: 4000, dnssecOk: true }), 2),
    );
    expect(decoded).toMatchObject({
      rcode: 'SERVFAIL',
      additionals: [{ udpPayloadSize: 4000, flags: 0x8000 }],
    });
  });

  test('BADVERS is a code in OPT with size 0', () => {
    const query = Buffer.from(
      '12340100000100000000000101610474657374000001000100002904d0000100000000',
      'hex',
    );
    expect(bare(query, 16).toString('hex')).toBe(
      '12348100000100000000000101610474657374000001000100002900000100000000' + '00',
    );
  });

  test('to a message without a readable question is a header alone', () => {
    const query = Buffer.from('123401000002000000000000016104746573740000010001', 'hex');
    const view = viewOf(query);
    expect(writeRcode(view, query, 0, 1)).toBe(12);
    expect(query.toString('hex', 0, 12)).toBe('123481010000000000000000');
  });
});
