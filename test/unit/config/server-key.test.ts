import { expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { readServerKey } from '../../../src/config/server-key.ts';

function read(text: string): string[] {
  const key = { text, file: 'Corefile', line: 1, column: 1 };
  return readServerKey(key, 53).map(({ zone, port }) => `${zone}:${port}`);
}

test.each([
  ['.', ['.:53']],
  ['.:5353', ['.:5353']],
  [':5353', ['.:5353']],
  ['dns://.:5353', ['.:5353']],
  ['dns://example.org', ['example.org.:53']],
  ['example.org.', ['example.org.:53']],
  ['Example.ORG:1053', ['example.org.:1053']],
  ['_tcp.example.org', ['_tcp.example.org.:53']],
  ['0/25.2.0.192.in-addr.arpa', ['0/25.2.0.192.in-addr.arpa.:53']],
  ['10.0.0.0/8', ['10.in-addr.arpa.:53']],
  ['10.1.2.3/8:5353', ['10.in-addr.arpa.:5353']],
  ['10.0.0.0/24', ['0.0.10.in-addr.arpa.:53']],
  ['10.0.0.0/15', ['0.10.in-addr.arpa.:53', '1.10.in-addr.arpa.:53']],
  ['10.3.0.0/15', ['2.10.in-addr.arpa.:53', '3.10.in-addr.arpa.:53']],
  ['192.0.2.4/31', ['4.2.0.192.in-addr.arpa.:53', '5.2.0.192.in-addr.arpa.:53']],
  ['192.0.2.4/32', ['4.2.0.192.in-addr.arpa.:53']],
  ['0.0.0.0/0', ['in-addr.arpa.:53']],
  ['::/0', ['ip6.arpa.:53']],
  ['fd00::/8', ['d.f.ip6.arpa.:53']],
  ['fd00::/8:5353', ['d.f.ip6.arpa.:5353']],
  ['2001:db8::/31', ['8.b.d.0.1.0.0.2.ip6.arpa.:53', '9.b.d.0.1.0.0.2.ip6.arpa.:53']],
  ['::ffff:10.0.0.0/104', [`a.0.f.f.f.f.${'0.'.repeat(20)}ip6.arpa.:53`]],
  ['2001:db8::1/128', [`1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa.:53`]],
  ['10.0.0.1', ['10.0.0.1.:53']],
])('%s', (text, keys) => {
  expect(read(text)).toEqual(keys);
});

test('a mask within an octet gives as many zones as it leaves bits', () => {
  expect(read('10.0.0.0/9')).toHaveLength(128);
  expect(read('10.0.0.0/9').at(-1)).toBe('127.10.in-addr.arpa.:53');
});

test.each([
  'example.org:',
  '.:65536',
  'tls://example.org',
  'https://.',
  'a..b',
  `${'a'.repeat(64)}.org`,
  `${'a.'.repeat(128)}org`,
  'a b',
  '.:53{',
  'a:b',
])('%s is refused', (text) => {
  expect(() => read(text)).toThrow(CorefileError);
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'server-key' }));
});
