import { describe, expect, test } from 'vitest';
import { addressOctets, addressText } from '../../../src/dns/address.ts';
import { className, classNumber, rcodeName, rcodeNumber } from '../../../src/dns/rcode.ts';
import { typeName, typeNumber } from '../../../src/dns/type.ts';

describe('names of numbers', () => {
  test.each([
    [0, 'NOERROR'],
    [3, 'NXDOMAIN'],
    [4, 'NOTIMP'],
    [11, 'DSOTYPENI'],
    [16, 'BADVERS'],
    [23, 'BADCOOKIE'],
    [12, 'RCODE12'],
    [24, 'RCODE24'],
    [4095, 'RCODE4095'],
  ])('response code %i is %s', (number, name) => {
    expect(rcodeName(number)).toBe(name);
    expect(rcodeNumber(name.toLowerCase())).toBe(number);
  });

  test.each([
    [1, 'IN'],
    [3, 'CH'],
    [255, 'ANY'],
    [32, 'CLASS32'],
  ])('class %i is %s', (number, name) => {
    expect(className(number)).toBe(name);
    expect(classNumber(name.toLowerCase())).toBe(number);
  });

  test.each([
    [1, 'A'],
    [65, 'HTTPS'],
    [65280, 'TYPE65280'],
  ])('type %i is %s', (number, name) => {
    expect(typeName(number)).toBe(name);
    expect(typeNumber(name.toLowerCase())).toBe(number);
  });

  test('what is no name has no number', () => {
    for (const text of ['', 'RCODE', 'RCODE4096', 'RCODE-1', 'NOPE', '3'])
      expect(rcodeNumber(text)).toBeUndefined();
    for (const text of ['CLASS65536', 'CLASS', 'X']) expect(classNumber(text)).toBeUndefined();
    for (const text of ['TYPE65536', 'TYPE', 'X']) expect(typeNumber(text)).toBeUndefined();
  });
});

describe('addresses', () => {
  test.each([
    ['192.0.2.1', 'c0000201', '192.0.2.1'],
    ['::', '0'.repeat(32), '::'],
    ['::1', `${'0'.repeat(31)}1`, '::1'],
    ['1::', `0001${'0'.repeat(28)}`, '1::'],
    ['2001:DB8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '00010000000200030004000500060007', '1:0:2:3:4:5:6:7'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304', '64:ff9b::102:304'],
  ])('%s', (text, hex, short) => {
    expect(addressOctets(text)?.toString('hex')).toBe(hex);
    expect(addressText(Buffer.from(hex, 'hex'))).toBe(short);
  });

  test.each(['', '1.2.3', '1.2.3.256', ':::', '1::2::3', 'localhost', '12345::'])(
    '%j is none',
    (text) => {
      expect(addressOctets(text)).toBeNull();
    },
  );
});
