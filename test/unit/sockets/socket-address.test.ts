import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSocketAddress, encodeSocketAddress } from '../../../src/sockets/socket-address.ts';

describe('encodeSocketAddress', () => {
  test.each([
    ['169.254.20.10', 53, '02000035a9fe140a0000000000000000'],
    ['::1', 5353, `0a0014e900000000${'00'.repeat(15)}0100000000`],
    ['', 53, `0a000035${'00'.repeat(24)}`],
    ['fe80::1%7', 53, `0a00003500000000fe80${'00'.repeat(13)}0107000000`],
  ])('writes %s port %d as the kernel reads it', (address, port, hex) => {
    expect(encodeSocketAddress(address, port).toString('hex')).toBe(hex);
  });

  test('finds the number of an interface by its name', () => {
    expect(encodeSocketAddress('fe80::1%0', 1).readUInt32LE(24)).toBe(0);
    expect(() => encodeSocketAddress('fe80::1%no-such', 1)).toThrow('"no-such"');
  });

  test('refuses what is no address', () => {
    expect(() => encodeSocketAddress('localhost', 53)).toThrow(TypeError);
  });
});

describe('decodeSocketAddress', () => {
  test('shows an IPv4 client of an IPv6 socket as IPv4', () => {
    const name = encodeSocketAddress('::ffff:10.1.2.3', 999);
    expect(decodeSocketAddress(name)).toEqual({ family: 4, address: '10.1.2.3', port: 999 });
  });

  test('gives back every address that was encoded', () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    const family = { seed: 1, numRuns: 300 };
    fc.assert(
      fc.property(fc.ipV4(), port, (address, port) => {
        const name = encodeSocketAddress(address, port);
        expect(decodeSocketAddress(name)).toEqual({ family: 4, address, port });
      }),
      family,
    );
    fc.assert(
      fc.property(fc.ipV6(), port, (address, port) => {
        fc.pre(isIPv6(address));
        const { hostname } = new URL(`http://[${address}]`);
        const decoded = decodeSocketAddress(encodeSocketAddress(address, port));
        fc.pre(decoded.family === 6);
        expect(decoded).toEqual({ family: 6, address: hostname.slice(1, -1), port });
      }),
      family,
    );
  });
});
