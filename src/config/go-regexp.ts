/**
 * Regular expressions as Corefiles hold them: written for Go's RE2, run by V8.
 *
 * Understood beyond what both have in common: flags at the start (`(?i)`), `(?P<name>…)`, `\A`,
 * `\z`, `\a`, `\x{…}`, `\Q…\E` and POSIX classes such as `[[:digit:]]`. Refused because RE2 refuses
 * them: look-around and back references; because V8 has them in another form: `\pL`. RE2 promises linear time; V8 keeps to it by changing to its
 * linear engine when an expression backtracks too much.
 */
import { setFlagsFromString } from 'node:v8';
import { CorefileError } from './corefile-error.ts';
import type { Token } from './token.ts';

/** Characters of an expression at most. */
const MAX_LENGTH = 10_000;

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

let linearFallback = false;

/** Reads a regular expression. Throws CorefileError `argument-value`. */
export function readGoRegExp(word: Token): RegExp {
  const source = word.text;
  if (source.length > MAX_LENGTH) throw invalid(word, `longer than ${MAX_LENGTH} characters`);
  const start = /^\(\?([imsU]+)\)/.exec(source);
  const flags = start === null ? '' : start[1];
  if (flags.includes('U')) throw invalid(word, 'the flag U is not known here');
  try {
    const translated = translate(source.slice(start === null ? 0 : start[0].length), word);
    useLinearFallback();
    return new RegExp(translated, `${[...new Set(flags)].join('')}`);
  } catch (cause) {
    if (cause instanceof CorefileError) throw cause;
    throw invalid(word, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** One step of a translation: quoted text, an escape, a group's start, a POSIX class, any character. */
const STEP =
  /\\Q([\s\S]*?)(?:\\E|$)|\\(x\{[0-9A-Fa-f]{1,4}\}|[\s\S])|\(\?(P?<(?![=!])|<?[=!])|\[:(\^?)(\w+):\]|[\s\S]/g;

function translate(source: string, word: Token): string {
  return source.replace(STEP, (step, quoted, escaped, group, negated, posix) => {
    if (quoted !== undefined) return quoted.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    if (escaped !== undefined) return translateEscape(step, escaped, word);
    if (group !== undefined) {
      if (!group.endsWith('<')) throw invalid(word, `"${step}" is not known to RE2`);
      return '(?<';
    }
    if (posix === undefined) return step;
    if (negated === '^' || POSIX[posix] === undefined) {
      throw invalid(word, `"${step}" is not known here`);
    }
    return POSIX[posix];
  });
}

function translateEscape(step: string, escaped: string, word: Token): string {
  if (escaped === 'A') return '(?<![\\s\\S])';
  if (escaped === 'z') return '(?![\\s\\S])';
  if (escaped === 'a') return '\\x07';
  if (escaped.startsWith('x{')) return `\\u${escaped.slice(2, -1).padStart(4, '0')}`;
  // Any sign may be escaped, but of the letters only those that both know.
  if (/^[^0-9A-Za-z]|[0dDsSwWbBfnrtvx]$/.test(escaped)) return step;
  throw invalid(word, `"${step}" is not known here`);
}

/** Tells V8, once, to leave a backtracking match for its linear engine. */
function useLinearFallback(): void {
  if (linearFallback) return;
  linearFallback = true;
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
}

function invalid(word: Token, why: string, cause?: unknown): CorefileError {
  const message = `"${word.text.slice(0, 80)}" is no regular expression: ${why}`;
  return new CorefileError('argument-value', message, word, cause);
}
