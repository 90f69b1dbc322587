import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  expandedNameLength,
  expandName,
  nameFromText,
  nameToText,
  sameName,
  skipName,
} from '../../../src/dns/name.ts';
import { nameArbitrary, SEED } from './messages.ts';

const wire = (text: string) => Buffer.from(text, 'latin1');

describe('names in text form', () => {
  test.each([
    ['.', '\x00'],
    ['example.com', '\x07example\x03com\x00'],
    ['example.com.', '\x07example\x03com\x00'],
    ['a\\.b.c', '\x03a.b\x01c\x00'],
    ['a\\.', '\x02a.\x00'],
    ['a\\000\\255.', '\x03a\x00\xff\x00'],
    ['ü', '\x02\xc3\xbc\x00'],
  ])('reads %j', (text, octets) => {
    expect(nameFromText(text)).toEqual(wire(octets));
  });

  test.each([
    ['', 'nothing'],
    ['a..b', 'an empty label'],
    ['.a', 'an empty first label'],
    ['a\\', 'an escape of nothing'],
    ['a\\25', 'an escape of two digits'],
    ['a\\256', 'an octet above 255'],
    ['a'.repeat(64), 'a label of 64 octets'],
    [`${'a.'.repeat(127)}b`, 'a name of 256 octets'],
  ])('refuses %j: %s', (text) => {
    expect(nameFromText(text)).toBeNull();
  });

  test('the longest name is read and written', () => {
    const text = 'a.'.repeat(127);
    const name = nameFromText(text);
    expect(name).toHaveLength(255);
    expect(nameToText(name as Buffer, 0)).toBe(text);
  });

  test('writing a name and reading it again gives the same octets', () => {
    fc.assert(
      fc.property(nameArbitrary, (name) => {
        expect(nameFromText(nameToText(name, 0))).toEqual(name);
      }),
      { seed: SEED },
    );
  });
});

describe('compressed names', () => {
  const header = '\0'.repeat(12);
  const message = wire(`${header}\x01a\x03com\x00\x01b\xc0\x0e\x01c\xc0\x13\xc0\x17`);

  test('are followed from pointer to pointer', () => {
    expect(nameToText(message, 23)).toBe('c.b.com.');
    expect(expandedNameLength(message, 23, message.length)).toBe(9);
    const target = Buffer.alloc(9);
    expect(expandName(message, 23, target, 0)).toBe(9);
    expect(target).toEqual(wire('\x01c\x01b\x03com\x00'));
    expect(skipName(message, 23, message.length)).toBe(27);
  });

  test.each([
    ['to itself', '\xc0\x0c'],
    ['forward', '\x01a\xc0\x10\x01b\x00'],
    ['into its own name', '\x01a\x01b\xc0\x0e'],
    ['into the header', '\x01a\xc0\x02'],
    ['cut short', '\x01a\xc0'],
    ['of an unknown label type', '\x40a\x00'],
  ])('a pointer %s is malformed', (_, octets) => {
    const bad = wire(header + octets);
    expect(expandedNameLength(bad, 12, bad.length)).toBe(-1);
    expect(nameToText(bad, 12)).toBe('');
  });

  test('a name that pointers make longer than 255 octets is malformed', () => {
    const long = wire(
      `${header}${'\x3f'.concat('x'.repeat(63)).repeat(3)}\x00\x3f${'y'.repeat(63)}\xc0\x0c`,
    );
    expect(expandedNameLength(long, 12, long.length)).toBe(193);
    expect(expandedNameLength(long, 12 + 193, long.length)).toBe(-1);
  });
});

test('names are the same whatever the case of their ASCII letters, and of no other octet', () => {
  expect(sameName(wire('\x03wWw\x00'), wire('\x03WwW\x00'))).toBe(true);
  expect(sameName(wire('\x01\xc4\x00'), wire('\x01\xe4\x00'))).toBe(false);
  expect(sameName(wire('\x01[\x00'), wire('\x01{\x00'))).toBe(false);
  expect(sameName(wire('\x01a\x00'), wire('\x02aa\x00'))).toBe(false);
});
