import { describe, expect, test } from 'vitest';
import { addressText } from '../../../src/dns/address.ts';
import { HostsTable } from '../../../src/plugins/hosts-table.ts';

function tableOf(text: string, reverse = true): HostsTable {
  const table = new HostsTable({ concerns: () => true, reverse });
  table.add(text);
  return table;
}

const addressesIn = (text: string, name: string) =>
  tableOf(text)
    .addressesOf(name)
    ?.map((address) => addressText(address));

const TEXT = `
# comment
127.0.0.1  localhost   loop.Local # more
::1 localhost
fe80::1%lo0	link.test
::ffff:192.0.2.9 mapped.test.
nonsense a.test
10.0.0.1
192.168.1.10 *.example.com
192.168.1.11 a.example.com
fd00::5 *.example.com
10.1.1.1 twice.test
10.1.1.1 twice.test\r
::0001 localhost
1.2.3 short.test
`;

describe('names', () => {
  test.each([
    ['localhost.', ['127.0.0.1', '::1']],
    ['loop.local.', ['127.0.0.1']],
    ['link.test.', ['fe80::1']],
    ['mapped.test.', ['192.0.2.9']],
    ['twice.test.', ['10.1.1.1']],
    ['a.test.', undefined],
    ['short.test.', undefined],
    ['#.', undefined],
  ])('%s has %j', (name, addresses) => {
    expect(addressesIn(TEXT, name)).toEqual(addresses);
  });

  test.each([
    ['apps.example.com.', ['192.168.1.10', 'fd00::5']],
    ['a\\.b.example.com.', ['192.168.1.10', 'fd00::5']],
    ['a.example.com.', ['192.168.1.11']],
    ['example.com.', undefined],
    ['deep.apps.example.com.', undefined],
    ['.', undefined],
  ])('with a wildcard, %s has %j', (name, addresses) => {
    expect(addressesIn(TEXT, name)).toEqual(addresses);
  });

  test('escapes are those of queries', () => {
    expect(addressesIn('10.0.0.1 a\\046b.test b\\(c.test', 'a\\.b.test.')).toEqual(['10.0.0.1']);
    expect(addressesIn('10.0.0.1 b(c.test', 'b\\(c.test.')).toEqual(['10.0.0.1']);
    expect(addressesIn(`10.0.0.1 ${'x'.repeat(64)}.test`, `${'x'.repeat(64)}.test.`)).toBe(
      undefined,
    );
  });

  test('other names than those it is for are left out', () => {
    const table = new HostsTable({ concerns: (name) => name.endsWith('test.'), reverse: true });
    table.add('10.0.0.1 a.test b.example');
    expect(table.addressesOf('a.test.')).toHaveLength(1);
    expect(table.addressesOf('b.example.')).toBeUndefined();
    expect(table.namesOf('1.0.0.10.in-addr.arpa.')).toEqual(['a.test.']);
  });
});

describe('addresses', () => {
  test.each([
    ['1.0.0.127.in-addr.arpa.', ['localhost.', 'loop.local.']],
    [`1.${'0.'.repeat(31)}ip6.arpa.`, ['localhost.']],
    ['9.2.0.192.in-addr.arpa.', ['mapped.test.']],
    ['11.1.168.192.in-addr.arpa.', ['a.example.com.']],
    ['10.1.168.192.in-addr.arpa.', []],
    ['2.0.0.127.in-addr.arpa.', []],
    ['localhost.', []],
  ])('%s leads to %j', (name, names) => {
    expect(tableOf(TEXT).namesOf(name)).toEqual(names);
  });

  test('have no names without reverse', () => {
    expect(tableOf(TEXT, false).namesOf('1.0.0.127.in-addr.arpa.')).toEqual([]);
  });

  test('of a long list of names lead to a bounded number of them', () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `0.0.0.0 ads${i}.test`).join('\n');
    const table = tableOf(lines);
    expect(table.namesOf('0.0.0.0.in-addr.arpa.')).toHaveLength(1000);
    expect(table.addressesOf('ads2999.test.')).toHaveLength(1);
    expect(table.entryCount).toBe(4000);
  });
});

test('entries are counted on both ways, once each', () => {
  expect(tableOf('10.0.0.1 a b a').entryCount).toBe(4);
  expect(tableOf('10.0.0.1 *.test').entryCount).toBe(1);
  expect(tableOf('10.0.0.1 a b', false).entryCount).toBe(2);
});
