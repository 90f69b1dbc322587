import { expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { readGoRegExp } from '../../../src/config/go-regexp.ts';

function read(text: string): RegExp {
  return readGoRegExp({ text, file: 'Corefile', line: 1, column: 1 });
}

test.each([
  ['^a.*z$', 'abcz', true],
  ['(?i)TIMEOUT', 'i/o timeout', true],
  ['TIMEOUT', 'i/o timeout', false],
  ['(?s)a.b', 'a\nb', true],
  ['a.b', 'a\nb', false],
  ['(?m)^b', 'a\nb', true],
  [String.raw`\Aab\z`, 'ab', true],
  [String.raw`\Aab\z`, 'ab\n', false],
  ['^[[:digit:]]+[^[:space:]]$', '12x', true],
  [String.raw`^\Qa.b\E$`, 'a.b', true],
  [String.raw`^\Qa.b\E$`, 'axb', false],
  [String.raw`a\.b`, 'axb', false],
  ['(?:a|b)c', 'bc', true],
  [String.raw`^\x{41}\x42\.\-\_\d$`, 'AB.-_7', true],
  [String.raw`^\a$`, '\x07', true],
])('%s on %j: %s', (source, text, matches) => {
  expect(read(source).test(text)).toBe(matches);
});

test('groups have the names that Go gives them', () => {
  expect(read('(?P<pod>[a-z]+)-(?<n>\\d+)').exec('web-12')?.groups).toMatchObject({
    pod: 'web',
    n: '12',
  });
});

test.each([
  '(',
  '[a',
  'a**',
  '(?=a)',
  '(?!a)',
  '(?<=a)',
  '(?<!a)',
  String.raw`(a)\1`,
  String.raw`\pL`,
  String.raw`\Z`,
  'x'.repeat(10_001),
])('%.20s is refused', (source) => {
  expect(() => read(source)).toThrow(CorefileError);
  expect(() => read(source)).toThrow(expect.objectContaining({ code: 'argument-value' }));
});

test('an expression that would backtrack for years does not', () => {
  expect(read('^(a+)+$').test(`${'a'.repeat(60)}b`)).toBe(false);
});
