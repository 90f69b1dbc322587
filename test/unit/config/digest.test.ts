import { expect, test } from 'vitest';
import { corefileDigest } from '../../../src/config/digest.ts';
import { parseCorefile } from '../../../src/config/parser.ts';

function digest(text: string): string {
  return corefileDigest(parseCorefile({ text, path: 'Corefile', env: {} }).blocks);
}

test('form does not count', () => {
  expect(digest('# x\n. {\n\n  cache  30 # y\n}')).toBe(digest('.\n{\ncache 30\n}\n'));
});

test.each(['. {\n cache 31\n}', 'a {\n cache 30\n}', '. {\n cache {\n 30\n }\n}', '. {\n}'])(
  'content does: %j',
  (text) => {
    expect(digest(text)).not.toBe(digest('. {\n cache 30\n}'));
  },
);

test('it is a SHA-512 in hexadecimal', () => {
  expect(digest('.')).toMatch(/^[0-9a-f]{128}$/);
});
