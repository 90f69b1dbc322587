import { expect, test } from 'vitest';
import { addressText } from '../../../src/dns/address.ts';
import { addressFromReverseName } from '../../../src/dns/reverse-name.ts';

const V6 = `1.0.0.0.${'0.'.repeat(20)}8.b.d.0.1.0.0.2.ip6.arpa.`;

test.each([
  ['4.3.2.1.in-addr.arpa.', '1.2.3.4'],
  ['0.0.0.0.in-addr.arpa.', '0.0.0.0'],
  [V6, '2001:db8::1'],
])('%s stands for %s', (name, address) => {
  expect(addressText(addressFromReverseName(name) as Buffer)).toBe(address);
});

test.each([
  '3.2.1.in-addr.arpa.',
  '5.4.3.2.1.in-addr.arpa.',
  '256.3.2.1.in-addr.arpa.',
  '04.3.2.1.in-addr.arpa.',
  '4.3.2.1.in-addr.arpa.example.',
  V6.slice(2),
  V6.replace('8', 'g'),
  'ip6.arpa.',
  '.',
])('%s stands for none', (name) => {
  expect(addressFromReverseName(name)).toBeNull();
});
