import { expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { type Environment, lex } from '../../../src/config/lexer.ts';

function texts(text: string, env: Environment = {}): string[] {
  return lex(text, 'Corefile', env).map((word) => word.text);
}

test('white space of every kind separates words', () => {
  expect(texts('a\tb  c\nd\u00a0e\u0085f\vg')).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
});

test('a byte order mark is skipped and carriage returns are nothing', () => {
  expect(texts('\uFEFFa b\r\nc\rd')).toEqual(['a', 'b', 'cd']);
});

test('a comment runs from # to the end of the line, even within a word', () => {
  expect(texts('a # b c\nd#e f\n#\ng')).toEqual(['a', 'd', 'g']);
});

test('a quoted word holds white space, comments and line ends', () => {
  expect(texts('a "b c # d\n e" f')).toEqual(['a', 'b c # d\n e', 'f']);
});

test('only quotes are escaped within quotes', () => {
  expect(texts(String.raw`"say \"hi\" to \d\\"`)).toEqual([String.raw`say "hi" to \d\\`]);
});

test('a quote within a word is a character like any other', () => {
  expect(texts('a"b c"')).toEqual(['a"b', 'c"']);
});

test('an empty quoted word is a word', () => {
  expect(texts('a ""')).toEqual(['a', '']);
});

test('words know their place and whether they start a line', () => {
  const words = lex('. {\n  log "x\n y" z\n\terrors\n}', 'Corefile', {});
  expect(
    words.map(({ text, line, column, startsLine }) => [text, line, column, startsLine]),
  ).toEqual([
    ['.', 1, 1, true],
    ['{', 1, 3, false],
    ['log', 2, 3, true],
    ['x\n y', 2, 7, false],
    ['z', 3, 5, false],
    ['errors', 4, 2, true],
    ['}', 5, 1, true],
  ]);
});

test('environment variables are put in, unset ones as nothing', () => {
  const env = { ZONE: 'example.org', PORT: '5353' };
  expect(texts('{$ZONE}:{%PORT%} "a {$ZONE} b" x{$NONE}y {$', env)).toEqual([
    'example.org:5353',
    'a example.org b',
    'xy',
    '{$',
  ]);
});

test('a value with a reference in it is not looked at again', () => {
  expect(texts('{$A}', { A: '{$A}{$B}', B: 'b' })).toEqual(['{$A}{$B}']);
});

test('a quote that is not closed is an error at its start', () => {
  try {
    lex('. {\n  log "abc\n}', 'Corefile', {});
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(CorefileError);
    expect(error).toMatchObject({
      code: 'syntax',
      message: 'Corefile:2:7: "abc is not closed by another quote',
    });
  }
});

test('signs that come from quotes or from the environment are words like any other', () => {
  const words = lex('{ "{" {$A} {$A}} (a) "(b)"', 'Corefile', { A: '{' });
  expect(words.map(({ text, literal }) => [text, literal])).toEqual([
    ['{', false],
    ['{', true],
    ['{', true],
    ['{}', true],
    ['(a)', false],
    ['(b)', true],
  ]);
});
