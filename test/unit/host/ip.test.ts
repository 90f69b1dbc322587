import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalIp, endpointText, ipOctets, ipText, isLinkLocal } from '../../../src/host/ip.ts';

test.each([
  ['169.254.20.10', [169, 254, 20, 10]],
  ['::1', [...Array(15).fill(0), 1]],
  ['fd00::', [0xfd, ...Array(15).fill(0)]],
  ['::ffff:10.0.0.1', [...Array(10).fill(0), 255, 255, 10, 0, 0, 1]],
  ['2001:DB8:0:1:2:3:4:5', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5]],
])('octets of %s', (text, octets) => {
  expect([...ipOctets(text)]).toEqual(octets);
});

test('text and octets of IPv6 addresses lead to each other', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      expect(ipText(ipOctets(text))).toBe(canonicalIp(text));
    }),
    { seed: 7 },
  );
});

test('text and octets of IPv4 addresses lead to each other', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      expect(ipText(ipOctets(text))).toBe(text);
    }),
    { seed: 7 },
  );
});

test.each([
  ['169.254.20.10', true],
  ['fe80::1', true],
  ['febf::1', true],
  ['fec0::1', false],
  ['169.253.0.1', false],
  ['10.96.0.10', false],
  ['fd00::a', false],
])('%s is link-local: %s', (ip, expected) => {
  expect(isLinkLocal(ip)).toBe(expected);
});

test('an endpoint with an IPv6 address has brackets', () => {
  expect(endpointText('fd00::a', 53)).toBe('[fd00::a]:53');
  expect(endpointText('10.0.0.1', 53)).toBe('10.0.0.1:53');
});
