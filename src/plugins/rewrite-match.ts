/**
 * How `rewrite` matches and changes names. Names are text here: presentation form, lower case, with
 * their last dot; RFC 4343 §3 has letter case not matter.
 */
import { CorefileError } from '../config/corefile-error.ts';
import { readGoRegExp } from '../config/go-regexp.ts';
import type { Token } from '../config/token.ts';

/** The text a name becomes; null when it does not match. */
export type NameChange = (name: string) => string | null;

const MATCHES: readonly string[] = ['exact', 'prefix', 'suffix', 'substring', 'regex'];

/** Whether a word says how to match. */
export function isMatch(word: Token): boolean {
  return MATCHES.includes(word.text.toLowerCase());
}

/** Reads how to match: one of MATCHES, letter case ignored. Throws CorefileError. */
export function readMatch(word: Token): string {
  if (isMatch(word)) return word.text.toLowerCase();
  const message = `"${word.text}" is not one of ${MATCHES.join(', ')}`;
  throw new CorefileError('argument-value', message, word);
}

/** Tells which names match. Throws CorefileError. */
export function readMatcher(match: string, from: Token): (name: string) => boolean {
  const change = readChange(match, from, null);
  return (name) => change(name) !== null;
}

/**
 * Reads what matching names become. A part of a name may start and end within a label. Without `to`
 * what comes out is only null or not.
 */
export function readChange(match: string, from: Token, to: Token | null): NameChange {
  if (match === 'regex') return readRegexChange(from, to);
  const isWhole = match === 'exact' || match === 'suffix';
  const text = isWhole ? absolute(from.text) : from.text.toLowerCase();
  const target = to === null ? '' : isWhole ? absolute(to.text) : to.text.toLowerCase();
  switch (match) {
    case 'exact':
      return (name) => (name === text ? target : null);
    case 'prefix':
      return (name) => (name.startsWith(text) ? target + name.slice(text.length) : null);
    case 'suffix':
      return (name) => (name.endsWith(text) ? name.slice(0, -text.length) + target : null);
    default:
      return (name) => (name.includes(text) ? name.replaceAll(text, () => target) : null);
  }
}

/**
 * Reads a regular expression and what the whole name becomes where it matches: `{1}` stands for what
 * the first group holds. Throws CorefileError.
 */
export function readRegexChange(from: Token, to: Token | null): NameChange {
  const pattern = readGoRegExp(from);
  const replacement = to === null ? '' : to.text;
  const used = new Set(replacement.match(/\{\d+\}/g)).size;
  // An alternative that always matches shows how many groups there are.
  const groups = (new RegExp(`${pattern.source}|`).exec('')?.length ?? 1) - 1;
  if (to !== null && used > groups) {
    const message = `"${to.text}" uses more groups than "${from.text}" has`;
    throw new CorefileError('argument-value', message, to);
  }
  return (name) => {
    const found = pattern.exec(name);
    if (found === null) return null;
    const filled = replacement.replace(/\{(\d+)\}/g, (word, n) => groupIn(found, Number(n), word));
    return absolute(filled);
  };
}

/** What a group holds; `word` where there is no such group. */
function groupIn(found: RegExpExecArray, number: number, word: string): string {
  return number < found.length ? (found[number] ?? '') : word;
}

/** Lower case, with a dot at the end. */
function absolute(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith('.') ? lower : `${lower}.`;
}
