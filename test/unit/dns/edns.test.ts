import packet from 'dns-packet';
import { describe, expect, test } from 'vitest';
import {
  extendedError,
  findOpt,
  optionsOf,
  readOptions,
  withEdnsSize,
  withOptions,
} from '../../../src/dns/edns.ts';
import { addresses, queryWire, responseWire } from './messages.ts';

const plain = queryWire('a.test', 'A');
const edns = queryWire('a.test', 'A', {
  size: 4096,
  dnssecOk: true,
  options: [{ code: 65001, data: Buffer.from('abc') }],
});

/** The OPT record as dns-packet reads it. */
const optOf = (wire: Buffer | null) =>
  packet.decode(wire as Buffer).additionals?.find(({ type }) => type === 'OPT');

describe('the payload size', () => {
  test('is lowered in a copy', () => {
    const before = Buffer.from(edns);
    expect(optOf(withEdnsSize(edns, 1232))).toMatchObject({ udpPayloadSize: 1232, flags: 0x8000 });
    expect(edns).toEqual(before);
  });

  test('is never raised, and a query without OPT stays as it is', () => {
    expect(withEdnsSize(edns, 4096)).toBe(edns);
    expect(withEdnsSize(plain, 512)).toBe(plain);
  });
});

describe('options', () => {
  const added = { code: 65002, data: Buffer.from('xyz') };

  test('are read', () => {
    expect(optionsOf(edns)).toEqual([{ code: 65001, data: Buffer.from('abc') }]);
    expect(optionsOf(plain)).toBeNull();
  });

  test('are added, replaced and removed, size and flags kept', () => {
    const more = withOptions(edns, [...(optionsOf(edns) ?? []), added], 512);
    expect(optOf(more)).toMatchObject({
      udpPayloadSize: 4096,
      flags: 0x8000,
      options: [{ code: 65001 }, { code: 65002 }],
    });
    expect(optionsOf(withOptions(more as Buffer, [], 512) as Buffer)).toEqual([]);
  });

  test('come with an OPT record where there is none', () => {
    expect(optOf(withOptions(plain, [added], 4096))).toMatchObject({
      udpPayloadSize: 4096,
      flags: 0,
      ednsVersion: 0,
      options: [{ code: 65002, data: Buffer.from('xyz') }],
    });
  });

  test('of an OPT record between other records are changed in place', () => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] };
    const wire = responseWire('a.test', 'A', {
      answers: addresses('a.test', 1),
      additionals: [...addresses('b.test', 1), opt, ...addresses('c.test', 1)],
    });
    const changed = withOptions(wire, [extendedError(15, 'blocked')], 512) as Buffer;
    expect(packet.decode(changed).additionals?.map(({ name }) => name)).toEqual([
      'b.test',
      '.',
      'c.test',
    ]);
    expect(optionsOf(changed)).toEqual([{ code: 15, data: Buffer.from('\0\x0fblocked') }]);
  });

  test('that make the message longer than any are refused', () => {
    const data = Buffer.alloc(65_000);
    expect(withOptions(plain, [{ code: 1, data }], 512)).not.toBeNull();
    expect(withOptions(plain, [{ code: 1, data: Buffer.alloc(65_500) }], 512)).toBeNull();
    expect(withOptions(edns, [{ code: 1, data: Buffer.alloc(65_500) }], 512)).toBeNull();
  });

  test('that run over the record are malformed', () => {
    const opt = findOpt(edns);
    const record = Buffer.from(edns.subarray(opt?.start, opt?.end));
    record[14]++;
    expect(readOptions(record)).toBeNull();
    expect(readOptions(record.subarray(0, 13))).toBeNull();
  });
});

test.each([
  ['a record', edns.subarray(0, -8)],
  ['the question', edns.subarray(0, 15)],
])('no OPT record is found where %s is cut short', (_, wire) => {
  expect(findOpt(wire)).toBeNull();
});
