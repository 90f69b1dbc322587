import { expect, test } from 'vitest';
import { queryOf, queryWire } from './messages.ts';

test('a query keeps its own copy of the message and what was read of it', () => {
  const wire = queryWire(
    'WwW.Example.com',
    'AAAA',
    { size: 1400, dnssecOk: true, options: [{ code: 3, data: Buffer.from('n') }] },
    0x0110,
  );
  const before = Buffer.from(wire);
  const query = queryOf(wire);
  wire.fill(0);
  expect(query.wire).toEqual(before);
  expect(query).toMatchObject({
    id: 0x1234,
    opcode: 0,
    recursionDesired: true,
    checkingDisabled: true,
    name: 'www.example.com.',
    qtype: 28,
    qclass: 1,
    questionEnd: 33,
    hasOpt: true,
    ednsSize: 1400,
    dnssecOk: true,
    key: '\x03www\x07example\x03com\0\0\x1c\0\x01\x03',
  });
  expect(query.echo?.toString('hex')).toBe('000300016e');
});

test('queries that differ in letter case alone have the same key, others do not', () => {
  const keyOf = (name: string, opt = false, flags = 0x0100) =>
    queryOf(queryWire(name, 'A', opt ? { dnssecOk: true } : null, flags)).key;
  expect(keyOf('A.TEST')).toBe(keyOf('a.test'));
  const keys = [
    keyOf('a.test'),
    keyOf('a.test', true),
    keyOf('a.test', false, 0x0110),
    keyOf('b.test'),
  ];
  expect(new Set(keys).size).toBe(4);
});

test('names are shown with their special octets escaped', () => {
  const wire = Buffer.from('1234010000010000000000000541202e5c00' + '0000010001', 'hex');
  expect(queryOf(wire).name).toBe('a\\032\\.\\\\\\000.');
});

test('a rewritten query is the same client’s with another message', () => {
  const query = queryOf(queryWire('a.test', 'A', { size: 1400 }));
  const wire = queryWire('B.test', 'AAAA', {
    size: 600,
    options: [{ code: 3, data: Buffer.from('n') }],
  });
  const rewritten = query.rewritten(wire);
  wire.fill(0);
  expect(rewritten).toMatchObject({ name: 'b.test.', qtype: 28, ednsSize: 600, parent: query });
  expect(rewritten?.client).toBe(query.client);
  expect(rewritten?.echo?.toString('hex')).toBe('000300016e');
  expect(query).toMatchObject({ name: 'a.test.', qtype: 1, ednsSize: 1400 });
  expect(query.rewritten(wire)).toBeNull();
});
