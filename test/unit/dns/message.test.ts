import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage, type Message } from '../../../src/dns/message.ts';
import { LOWER } from '../../../src/dns/name.ts';
import { addresses, records, responseArbitrary, responseWire, SEED } from './messages.ts';

const lower = (octets: Buffer) => Buffer.from(octets.map((octet) => LOWER[octet]));

/** A message with its letters made small: names may take the case of an equal name before them. */
const lowerCased = (message: Message | null) =>
  JSON.stringify(message, (_, value) =>
    value?.type === 'Buffer' ? lower(Buffer.from(value.data)).toString('latin1') : value,
  );

const QUESTION = { name: Buffer.from('\x03www\x04test\x00'), type: 1, class: 1 };

function messageOf(sections: Partial<Message>): Message {
  return {
    id: 1,
    flags: 0x8180,
    questions: [QUESTION],
    answers: [],
    authorities: [],
    additionals: [],
    ...sections,
  };
}

test('what is encoded decodes to the same message', () => {
  fc.assert(
    fc.property(responseArbitrary, (message) => {
      const wire = encodeMessage(message);
      expect(lowerCased(decodeMessage(wire))).toBe(lowerCased(message));
    }),
    { seed: SEED },
  );
});

test('what dns-packet encodes decodes to the same records', () => {
  const data = { priority: 1, weight: 2, port: 3, target: 'b.test' };
  const wire = responseWire('a.test', 'SRV', {
    answers: [{ type: 'SRV', name: 'a.test', ttl: 5, data }],
    additionals: addresses('b.test', 1),
  });
  expect(decodeMessage(wire)).toEqual({
    id: 7,
    flags: 0x8580,
    questions: [{ name: Buffer.from('\x01a\x04test\x00'), type: 33, class: 1 }],
    answers: records('a.test. 5 SRV 1 2 3 b.test.'),
    authorities: [],
    additionals: records('b.test. 60 A 10.1.0.0'),
  });
});

describe('compression', () => {
  test('owners and names in the data of RFC 1035 types point to what stands before', () => {
    const wire = encodeMessage(
      messageOf({
        answers: records('WWW.test. 1 CNAME a.b.test.', 'a.b.test. 1 MX 5 mail.B.test.'),
        authorities: records('test. 1 SOA ns.test. host.test. 1 2 3 4 5'),
      }),
    );
    // header and question | CNAME 2+10+4+2 | MX 2+10+2+5+2 | SOA 2+10+(3+2)+(5+2)+20
    expect(wire).toHaveLength(12 + 14 + 18 + 21 + 44);
    const decoded = packet.decode(wire);
    expect(decoded.answers?.map(({ name }) => name)).toEqual(['www.test', 'a.b.test']);
    expect(decoded.answers?.[1]).toMatchObject({
      data: { preference: 5, exchange: 'mail.b.test' },
    });
    expect(decoded.authorities?.[0]).toMatchObject({
      data: { mname: 'ns.test', rname: 'host.test', minimum: 5 },
    });
  });

  test('names in the data of later types are written out', () => {
    const [srv] = records('www.test. 1 SRV 1 2 3 www.test.');
    const wire = encodeMessage(messageOf({ answers: [srv] }));
    expect(wire.subarray(-10)).toEqual(QUESTION.name);
    expect(wire).toHaveLength(12 + 14 + 12 + 6 + 10);
  });

  test('SRV, NAPTR, RP and DNAME with compressed names are understood', () => {
    const head = '0001 8180 0001 0001 0000 0000 03777777 0474657374 00 0001 0001';
    for (const [type, data, text] of [
      ['0021', '0001 0002 0003 c00c', 'SRV 1 2 3 www.test.'],
      ['0023', '0001 0002 0175 0161 00 c00c', 'NAPTR 1 2 "u" "a" "" www.test.'],
      ['0011', 'c00c c010', 'RP www.test. test.'],
      ['0027', 'c010', 'DNAME test.'],
    ]) {
      const rdata = data.replaceAll(' ', '');
      const length = (rdata.length / 2).toString(16).padStart(4, '0');
      const hex = `${head} c00c ${type} 0001 00000001 ${length} ${rdata}`.replaceAll(' ', '');
      expect(decodeMessage(Buffer.from(hex, 'hex'))?.answers).toEqual(
        records(`www.test. 1 ${text}`),
      );
    }
  });

  test('no pointer leads behind the 16,383rd octet', () => {
    const filler = Array.from({ length: 70 }, () =>
      records(`x.test. 1 TYPE65280 \\# 255 ${'00'.repeat(255)}`),
    ).flat();
    const late = records('late.name. 1 A 1.2.3.4', 'late.name. 1 A 1.2.3.5');
    const message = messageOf({ answers: [...filler, ...late] });
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test('data that does not suit its type is written as it is', () => {
    const rdata = Buffer.from('05c00c', 'hex');
    const record = { name: QUESTION.name, type: 15, class: 1, ttlSeconds: 1, rdata };
    const wire = encodeMessage(messageOf({ answers: [record] }));
    expect(wire.readUInt16BE(6)).toBe(1);
    expect(decodeMessage(wire)).toBeNull();
  });
});

describe('a limit', () => {
  const opt = {
    name: Buffer.from([0]),
    type: 41,
    class: 1232,
    ttlSeconds: 0,
    rdata: Buffer.alloc(0),
  };
  const message = messageOf({
    answers: records('www.test. 1 A 1.1.1.1', 'www.test. 1 A 2.2.2.2'),
    authorities: records('test. 1 NS ns.test.'),
    additionals: [opt, ...records('ns.test. 1 A 3.3.3.3')],
  });
  const whole = 12 + 14 + 16 + 16 + 17 + 16 + 11;

  test.each([
    [whole, [2, 1, 2], false],
    [whole - 1, [2, 1, 1], true],
    [whole - 16, [2, 1, 1], true],
    [whole - 17, [2, 0, 1], true],
    [whole - 34, [1, 0, 1], true],
    [0, [0, 0, 1], true],
  ])('of %i octets leaves %j records', (limit, counts, truncated) => {
    const decoded = decodeMessage(encodeMessage(message, limit));
    expect(
      [decoded?.answers, decoded?.authorities, decoded?.additionals].map((list) => list?.length),
    ).toEqual(counts);
    expect(((decoded?.flags ?? 0) & 0x0200) !== 0).toBe(truncated);
    expect(decoded?.additionals.at(-1)).toEqual(opt);
  });

  test('is kept, and what fits is a beginning of the whole', () => {
    fc.assert(
      fc.property(responseArbitrary, fc.nat({ max: 600 }), (any, limit) => {
        const wire = encodeMessage(any, limit);
        const kept = decodeMessage(wire);
        const all = decodeMessage(encodeMessage(any));
        const flat = (from: Message | null) =>
          [from?.answers, from?.authorities, from?.additionals].flat();
        expect(flat(all).slice(0, flat(kept).length)).toEqual(flat(kept));
        if (flat(kept).length > 0) expect(wire.length).toBeLessThanOrEqual(limit);
        expect(((kept?.flags ?? 0) & 0x0200) !== 0).toBe(flat(kept).length < flat(all).length);
      }),
      { seed: SEED },
    );
  });
});
