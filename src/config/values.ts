/** Reads the values that directives take. Each function throws CorefileError naming the word. */
import { CorefileError } from './corefile-error.ts';
import type { Token } from './token.ts';

/** Inclusive bounds of an option. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a Go duration (`300ms`, `1h20m`, `1.5s`, `0`; may start with a sign), or null
 * when `text` is none. Only zero may stand without a unit.
 */
export function durationMs(text: string): number | null {
  const match = /^([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|ms|s|m|h))+)$/.exec(text);
  if (match === null) return null;
  let total = 0;
  for (const [, amount, unit] of match[2].matchAll(/(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|ms|s|m|h)/g)) {
    total += Number(amount) * UNIT_MS[unit];
  }
  return match[1] === '-' ? -total : total;
}

/** A duration as Go prints it: `30s`, `5m0s`, `1h0m0s`, `1.5s`, `250ms`, `0s`. */
export function goDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 1) return `${Number((ms * 1000).toFixed(3))}µs`;
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / UNIT_MS.h);
  const minutes = Math.floor((ms % UNIT_MS.h) / UNIT_MS.m);
  const seconds = `${Number(((ms % UNIT_MS.m) / UNIT_MS.s).toFixed(9))}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** A Go duration within bounds, in milliseconds. */
export function readDurationMs(word: Token, bounds: Bounds): number {
  const value = durationMs(word.text);
  if (value === null) {
    throw new CorefileError(
      'argument-value',
      `"${word.text}" is not a duration such as 30s or 1h20m`,
      word,
    );
  }
  return inBounds(word, value, bounds, 'ms');
}

/** A whole number within bounds. */
export function readInteger(word: Token, bounds: Bounds): number {
  if (!/^[+-]?\d+$/.test(word.text)) {
    throw new CorefileError('argument-value', `"${word.text}" is not a whole number`, word);
  }
  return inBounds(word, Number(word.text), bounds, '');
}

function inBounds(word: Token, value: number, { min, max }: Bounds, unit: string): number {
  if (value >= min && value <= max) return value;
  const limit = value < min ? `less than ${min}` : `more than ${max}`;
  throw new CorefileError('argument-value', `"${word.text}" is ${limit}${unit}`, word);
}

/** Checks how many words follow an option or directive. `name` is the word that is to blame. */
export function checkCount(name: Token, args: readonly Token[], { min, max }: Bounds): void {
  if (args.length >= min && args.length <= max) return;
  const expected =
    min === max
      ? `${min}`
      : max === Number.POSITIVE_INFINITY
        ? `${min} or more`
        : `${min} to ${max}`;
  throw new CorefileError(
    'argument-count',
    `"${name.text}" takes ${expected} argument${max === 1 ? '' : 's'}, ${args.length} given`,
    args[max] ?? name,
  );
}

/** The error for a word that a directive does not know. */
export function unknownOption(directive: string, word: Token): CorefileError {
  return new CorefileError('unknown-option', `${directive}: unknown option "${word.text}"`, word);
}
