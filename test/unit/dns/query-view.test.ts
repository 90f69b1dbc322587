import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  QueryView,
  READ_BADVERS,
  READ_DROP,
  READ_FORMERR,
  READ_NOTIMP,
  READ_OK,
} from '../../../src/dns/query-view.ts';
import { queryWire, SEED, viewOf } from './messages.ts';

function read(hex: string): number {
  const wire = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return new QueryView().read(wire, 0, wire.length);
}

const QUESTION = '0161 0474657374 00 0001 0001';
const OPT = '00 0029 04d0 00 00 0000 0000';

describe('what is read, and how each fault ends', () => {
  test.each([
    ['a plain query', `1234 0100 0001 0000 0000 0000 ${QUESTION}`, READ_OK],
    ['a query with OPT', `1234 0100 0001 0000 0000 0001 ${QUESTION} ${OPT}`, READ_OK],
    ['NOTIFY', `1234 2000 0001 0000 0000 0000 ${QUESTION}`, READ_OK],
    ['eleven octets', '1234 0100 0000 0000 0000 00', READ_DROP],
    ['a response', `1234 8180 0001 0000 0000 0000 ${QUESTION}`, READ_DROP],
    ['opcode STATUS', `1234 1000 0001 0000 0000 0000 ${QUESTION}`, READ_NOTIMP],
    ['opcode UPDATE', `1234 2800 0001 0000 0000 0000 ${QUESTION}`, READ_NOTIMP],
    ['no question', '1234 0100 0000 0000 0000 0000', READ_FORMERR],
    ['two questions', `1234 0100 0002 0000 0000 0000 ${QUESTION} ${QUESTION}`, READ_FORMERR],
    ['two answers', `1234 0100 0001 0002 0000 0000 ${QUESTION}`, READ_FORMERR],
    ['two authorities', `1234 0100 0001 0000 0002 0000 ${QUESTION}`, READ_FORMERR],
    ['three additionals', `1234 0100 0001 0000 0000 0003 ${QUESTION}`, READ_FORMERR],
    ['a question cut short', '1234 0100 0001 0000 0000 0000 0161 0474657374 00 0001', READ_FORMERR],
    ['a label cut short', '1234 0100 0001 0000 0000 0000 0161 04746573', READ_FORMERR],
    ['a pointer', '1234 0100 0001 0000 0000 0000 c00c 0001 0001', READ_FORMERR],
    ['a record cut short', `1234 0100 0001 0000 0000 0001 ${QUESTION} 00 0029 04d0`, READ_FORMERR],
    ['two OPT records', `1234 0100 0001 0000 0000 0002 ${QUESTION} ${OPT} ${OPT}`, READ_FORMERR],
    ['OPT as an answer', `1234 0100 0001 0001 0000 0000 ${QUESTION} ${OPT}`, READ_FORMERR],
    ['OPT of a name', `1234 0100 0001 0000 0000 0001 ${QUESTION} 0161 ${OPT}`, READ_FORMERR],
    [
      'an option that runs over',
      `1234 0100 0001 0000 0000 0001 ${QUESTION} 00 0029 04d0 00 00 0000 0004 0003 0001`,
      READ_FORMERR,
    ],
    [
      'EDNS version 1, whatever its options',
      `1234 0100 0001 0000 0000 0001 ${QUESTION} 00 0029 04d0 00 01 0000 0002 0003`,
      READ_BADVERS,
    ],
  ])('%s', (_, hex, outcome) => {
    expect(read(hex)).toBe(outcome);
  });

  test('a name of 255 octets is read, one of 256 is not', () => {
    const name = (labels: number, last: number) =>
      Buffer.concat([
        Buffer.alloc(12),
        ...Array.from({ length: labels }, () => Buffer.from([1, 65])),
        Buffer.from([last, ...Buffer.alloc(last, 65), 0, 0, 1, 0, 1]),
      ]);
    for (const [wire, outcome] of [
      [name(126, 1), READ_OK],
      [name(126, 2), READ_FORMERR],
      [name(127, 1), READ_FORMERR],
    ] as const) {
      wire[5] = 1;
      expect(new QueryView().read(wire, 0, wire.length)).toBe(outcome);
    }
  });
});

test('the key is the question in lower case and an octet of DO and CD', () => {
  const plain = viewOf(queryWire('WwW.Example.COM', 'A'));
  expect(plain.key.toString('latin1', 0, plain.keyLength)).toBe(
    '\x03www\x07example\x03com\x00\x00\x01\x00\x01\x00',
  );
  const wire = queryWire('example.com', 'HTTPS', { dnssecOk: true }, 0x0110);
  wire.writeUInt16BE(65, wire.indexOf('com') + 4);
  const secure = viewOf(wire);
  expect(secure.key.toString('latin1', 0, secure.keyLength)).toBe(
    '\x07example\x03com\x00\x00\x41\x00\x01\x03',
  );
});

test('NSID, EXPIRE and TCP-KEEPALIVE are kept for the reply; COOKIE and PADDING are not', () => {
  const options = [3, 9, 10, 11, 12].map((code) => ({ code, data: Buffer.from([code]) }));
  const view = viewOf(queryWire('a.test', 'A', { options }));
  expect(view.echo.toString('hex', 0, view.echoLength)).toBe('00030001030009000109000b00010b');
});

test('options that are too long to repeat are left out', () => {
  const options = [
    { code: 3, data: Buffer.alloc(253) },
    { code: 9, data: Buffer.alloc(4) },
  ];
  const view = viewOf(queryWire('a.test', 'A', { options }));
  expect(view.echoLength).toBe(8);
});

test('what stands behind the last record is no part of the query', () => {
  const wire = queryWire('a.test', 'A', {});
  expect(viewOf(Buffer.concat([wire, Buffer.from('junk')])).length).toBe(wire.length);
});

test('a client can take 512 octets at least', () => {
  expect(viewOf(queryWire('a.test', 'A')).udpLimit).toBe(512);
  expect(viewOf(queryWire('a.test', 'A', { size: 100 })).udpLimit).toBe(512);
  expect(viewOf(queryWire('a.test', 'A', { size: 4096 })).udpLimit).toBe(4096);
});

test('a view reads the same wherever the packet lies and whatever it read before', () => {
  const view = viewOf(
    queryWire('long.name.before', 'A', {
      dnssecOk: true,
      options: [{ code: 3, data: Buffer.alloc(2) }],
    }),
  );
  const wire = queryWire('a.test', 'AAAA');
  const memory = Buffer.concat([Buffer.alloc(77, 0xff), wire, Buffer.alloc(77, 0xff)]);
  expect(view.read(memory, 77, wire.length)).toBe(READ_OK);
  expect(view).toMatchObject({
    qtype: 28,
    qclass: 1,
    nameLength: 8,
    labelCount: 2,
    length: wire.length,
    questionEnd: wire.length,
    hasOpt: false,
    ednsSize: 0,
    dnssecOk: false,
    echoLength: 0,
  });
  expect([...view.labelOffsets.subarray(0, 2)]).toEqual([0, 2]);
});

const hostname = fc
  .array(fc.stringMatching(/^[a-zA-Z0-9-]{1,20}$/), { minLength: 1, maxLength: 6 })
  .map((labels) => labels.join('.'));

test('every query that dns-packet writes reads as dns-packet reads it', () => {
  fc.assert(
    fc.property(
      hostname,
      fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'ANY', 'TXT'),
      fc.option(fc.record({ size: fc.nat({ max: 65535 }), dnssecOk: fc.boolean() })),
      fc.nat({ max: 0xffff }).map((flags) => flags & 0x07ff),
      (name, type, opt, flags) => {
        const wire = queryWire(name, type, opt, flags);
        const view = new QueryView();
        expect(view.read(wire, 0, wire.length)).toBe(READ_OK);
        const oracle = packet.decode(wire);
        expect(view.flags).toBe(flags);
        expect(view.hasOpt).toBe(opt !== null);
        expect(view.ednsSize).toBe(opt?.size ?? 0);
        expect(view.dnssecOk).toBe(opt?.dnssecOk ?? false);
        expect(view.labelCount).toBe(oracle.questions?.[0].name.split('.').length);
        const labels = [...view.labelOffsets.subarray(0, view.labelCount)].map((at) =>
          view.key.toString('latin1', at + 1, at + 1 + view.key[at]),
        );
        expect(labels.join('.')).toBe(name.toLowerCase());
      },
    ),
    { seed: SEED },
  );
});
