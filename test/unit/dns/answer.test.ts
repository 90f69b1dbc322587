import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAnswer } from '../../../src/dns/answer.ts';
import { decodeMessage, encodeMessage } from '../../../src/dns/message.ts';
import { addresses, answerOf, responseArbitrary, responseWire, SEED } from './messages.ts';

const OPT = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] };
const SOA = {
  type: 'SOA',
  name: 'test',
  ttl: 30,
  data: {
    mname: 'ns.test',
    rname: 'host.test',
    serial: 1,
    refresh: 2,
    retry: 3,
    expire: 4,
    minimum: 5,
  },
};

/** A response written by hand. */
const raw = (hex: string) => readAnswer(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const QUESTION = '0161 0474657374 00 0001 0001';
const A_RECORD = 'c00c 0001 0001 0000003c 0004 01020304';

describe('what is found in an answer', () => {
  test('where the TTLs stand, the counts and the smallest TTL', () => {
    const wire = responseWire('a.test', 'A', {
      answers: addresses('a.test', 2, 60),
      authorities: [{ ...SOA, ttl: 20 }],
      additionals: [...addresses('ns.test', 1, 90), OPT],
    });
    const answer = readAnswer(wire);
    expect(answer).toMatchObject({
      answerCount: 2,
      authorityCount: 1,
      additionalCount: 1,
      minTtlSeconds: 20,
      authorityHasSoa: true,
      authorityHasNs: false,
      hasSignatures: false,
      hasTsig: false,
      questionEnd: 24,
      rcode: 0,
      truncated: false,
    });
    expect([...(answer?.ttlOffsets ?? [])].map((at) => wire.readUInt32BE(at))).toEqual([
      60, 60, 20, 90,
    ]);
  });

  test('no records: no smallest TTL', () => {
    expect(answerOf('a.test', 'A', {}).minTtlSeconds).toBe(-1);
  });

  test('a TTL with its highest bit set is large, not negative', () => {
    expect(
      raw(`0001 8180 0001 0001 0000 0000 ${QUESTION} c00c 0001 0001 80000000 0004 01020304`)
        ?.minTtlSeconds,
    ).toBe(0x80000000);
  });

  test('NS and SOA count in the authority section only', () => {
    const ns = { type: 'NS', name: 'test', ttl: 5, data: 'ns.test' };
    expect(answerOf('test', 'NS', { answers: [ns], additionals: [SOA] })).toMatchObject({
      authorityHasNs: false,
      authorityHasSoa: false,
    });
    expect(answerOf('test', 'A', { authorities: [ns] }).authorityHasNs).toBe(true);
  });

  test('OPT is taken out and kept apart, with its share of the response code', () => {
    const answer = raw(
      `0001 8180 0001 0001 0000 0001 ${QUESTION} ${A_RECORD} 00 0029 0200 01 00 0000 0000`,
    );
    expect(answer?.opt?.toString('hex')).toBe('0000290200010000000000');
    expect(answer?.rcode).toBe(16);
    expect(answer?.additionalCount).toBe(0);
    expect(answer?.wire.toString('hex')).toBe(
      `0001 8180 0001 0001 0000 0000 ${QUESTION} ${A_RECORD}`.replaceAll(' ', ''),
    );
  });

  test('OPT in front of other records is taken out too', () => {
    const wire = responseWire('a.test', 'A', {
      answers: addresses('a.test', 1),
      additionals: [OPT, ...addresses('ns.a.test', 2)],
    });
    const answer = readAnswer(wire);
    expect(answer?.opt).toHaveLength(11);
    const decoded = packet.decode(answer?.wire as Buffer);
    expect(decoded.additionals?.map((record) => record.name)).toEqual(['ns.a.test', 'ns.a.test']);
    expect(answer?.ttlOffsets).toHaveLength(3);
  });

  test('the message may be reused at once', () => {
    const wire = responseWire('a.test', 'A', {
      answers: addresses('a.test', 1),
      additionals: [OPT],
    });
    const answer = readAnswer(wire);
    const before = Buffer.concat([answer?.wire as Buffer, answer?.opt as Buffer]);
    wire.fill(0xff);
    expect(Buffer.concat([answer?.wire as Buffer, answer?.opt as Buffer])).toEqual(before);
  });
});

describe('what is no answer', () => {
  test.each([
    ['a query', `0001 0100 0001 0000 0000 0000 ${QUESTION}`],
    ['eleven octets', '0001 8180 0001 0000 0000 00'],
    ['no question', '0001 8180 0000 0000 0000 0000'],
    ['two questions', `0001 8180 0002 0000 0000 0000 ${QUESTION} ${QUESTION}`],
    ['a compressed question', '0001 8180 0001 0000 0000 0000 c00c 0001 0001'],
    [
      'a record cut short',
      `0001 8180 0001 0001 0000 0000 ${QUESTION} c00c 0001 0001 0000003c 0004 0102`,
    ],
    [
      'an owner that points forward',
      `0001 8180 0001 0001 0000 0000 ${QUESTION} c020 0001 0001 0000003c 0004 01020304`,
    ],
    [
      'data with a loop',
      `0001 8180 0001 0001 0000 0000 ${QUESTION} c00c 0005 0001 0000003c 0002 c024`,
    ],
    [
      'data longer than its name',
      `0001 8180 0001 0001 0000 0000 ${QUESTION} c00c 0005 0001 0000003c 0003 c00c00`,
    ],
    [
      'two OPT records',
      `0001 8180 0001 0000 0000 0002 ${QUESTION} 00 0029 0200 00000000 0000 00 0029 0200 00000000 0000`,
    ],
    ['OPT as an answer', `0001 8180 0001 0001 0000 0000 ${QUESTION} 00 0029 0200 00000000 0000`],
    ['more records than a message can hold', `0001 8180 0001 ffff ffff ffff ${QUESTION}`],
  ])('%s', (_, hex) => {
    expect(raw(hex)).toBeNull();
  });

  test('a truncated answer that was cut within a record keeps its question and TC', () => {
    const answer = raw(`0001 8380 0001 0002 0001 0000 ${QUESTION} ${A_RECORD} c00c 0001`);
    expect(answer).toMatchObject({
      truncated: true,
      answerCount: 0,
      authorityCount: 0,
      minTtlSeconds: -1,
    });
    expect(answer?.wire).toHaveLength(24);
  });
});

describe('lengths', () => {
  test('the uncompressed length does not depend on how the answer was sent', () => {
    const wire = responseWire('Some.Name.test', 'MX', {
      answers: [
        {
          type: 'MX',
          name: 'some.name.test',
          ttl: 1,
          data: { preference: 1, exchange: 'mail.test' },
        },
      ],
      authorities: [SOA],
    });
    const message = decodeMessage(wire);
    const small = encodeMessage(message as NonNullable<typeof message>);
    expect(small.length).toBeLessThan(wire.length);
    expect(readAnswer(wire)?.uncompressedLength).toBe(wire.length);
    expect(readAnswer(small)?.uncompressedLength).toBe(wire.length);
  });

  test('a long answer that was spelled out is kept compressed', () => {
    const wire = responseWire('big.test', 'A', {
      answers: addresses('big.test', 60),
      additionals: [OPT],
    });
    const answer = readAnswer(wire);
    expect(answer?.wire).toHaveLength(26 + 60 * 16);
    expect(answer?.uncompressedLength).toBe(26 + 60 * 24);
    expect(answer?.opt).toHaveLength(11);
    expect(packet.decode(answer?.wire as Buffer).answers).toEqual(packet.decode(wire).answers);
  });

  test('a short one is kept as it was sent', () => {
    const wire = responseWire('a.test', 'A', { answers: addresses('a.test', 4) });
    expect(readAnswer(wire)?.wire).toEqual(wire);
  });
});

test('setTtl gives all records the same TTL, and nothing else changes', () => {
  const answer = answerOf('a.test', 'A', { answers: addresses('a.test', 3), authorities: [SOA] });
  const before = packet.decode(answer.wire);
  for (const ttl of [7, 7, 0, 0xffffffff]) {
    answer.setTtl(ttl);
    const after = packet.decode(answer.wire);
    expect(after.answers).toEqual(before.answers?.map((record) => ({ ...record, ttl })));
    expect(after.authorities).toEqual(before.authorities?.map((record) => ({ ...record, ttl })));
  }
});

test('every response scans as it decodes', () => {
  fc.assert(
    fc.property(responseArbitrary, (message) => {
      const wire = encodeMessage(message);
      const answer = readAnswer(wire);
      const sections = [message.answers, message.authorities, message.additionals];
      const ttls = sections.flat().map((record) => record.ttlSeconds);
      expect(answer).toMatchObject({
        answerCount: sections[0].length,
        authorityCount: sections[1].length,
        additionalCount: sections[2].length,
        minTtlSeconds: ttls.length === 0 ? -1 : Math.min(...ttls),
        uncompressedLength: sections
          .flat()
          .reduce(
            (sum, { name, rdata }) => sum + name.length + 10 + rdata.length,
            12 + message.questions[0].name.length + 4,
          ),
      });
      expect([...(answer?.ttlOffsets ?? [])].map((at) => answer?.wire.readUInt32BE(at))).toEqual(
        ttls,
      );
    }),
    { seed: SEED },
  );
});
