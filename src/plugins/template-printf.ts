/** `printf` of templates: the verbs of Go's package fmt that suit texts and whole numbers. */
import { cannot, kindOf, printed, type TemplateValue } from './template-value.ts';

/** A field wider than this would only be a mistake. */
const MAX_WIDTH = 255;

/** Flags, width, precision, verb. */
const VERB = /%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g;

/** `format` with each verb replaced by its argument. Throws TemplateError. */
export function formatted(format: string, args: readonly TemplateValue[]): string {
  let next = 0;
  const text = format.replace(VERB, (_all, flags, width, precision, verb) => {
    if (verb === '%') return '%';
    if (next >= args.length) throw cannot(`printf: argument for %${verb} is missing`);
    const body = withVerb(verb, args[next++], flags, precision);
    return padded(body, flags, Math.min(Number(width), MAX_WIDTH), verb);
  });
  if (next < args.length) throw cannot(`printf: ${args.length - next} arguments too many`);
  return text;
}

/** Bases of the verbs for numbers. */
const BASES: Readonly<Record<string, number>> = { d: 10, x: 16, X: 16, o: 8, b: 2 };

function withVerb(
  verb: string,
  value: TemplateValue,
  flags: string,
  precision: string | undefined,
): string {
  if (typeof value === 'bigint') {
    if (verb === 'v') return value.toString();
    if (verb === 'c') return characterOf(value);
    const base = BASES[verb];
    if (base !== undefined) return withSign(inBase(value, base, flags), verb, flags);
  } else if (typeof value === 'string') {
    if (verb === 'x') return Buffer.from(value).toString('hex');
    if (verb === 'X') return Buffer.from(value).toString('hex').toUpperCase();
    if (verb === 'q') return JSON.stringify(value);
    if (verb === 's' || verb === 'v') {
      return precision === undefined ? value : [...value].slice(0, Number(precision)).join('');
    }
  } else if (verb === 'v' || (verb === 't' && typeof value === 'boolean')) return printed(value);
  throw cannot(`printf: write ${kindOf(value)} as %${verb}`);
}

/** The character of a code; U+FFFD, as in Go, when there is none. */
function characterOf(code: bigint): string {
  return String.fromCodePoint(code >= 0n && code <= 0x10ffffn ? Number(code) : 0xfffd);
}

function inBase(value: bigint, base: number, flags: string): string {
  const prefix = flags.includes('#') ? { 16: '0x', 8: '0', 2: '0b' }[base] : undefined;
  const sign = value < 0n ? '-' : '';
  return `${sign}${prefix ?? ''}${(value < 0n ? -value : value).toString(base)}`;
}

function withSign(digits: string, verb: string, flags: string): string {
  const text = verb === 'X' ? digits.toUpperCase() : digits;
  if (text.startsWith('-')) return text;
  return `${flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''}${text}`;
}

function padded(text: string, flags: string, width: number, verb: string): string {
  if (flags.includes('-')) return text.padEnd(width);
  const isNumber = BASES[verb] !== undefined;
  if (!flags.includes('0') || !isNumber) return text.padStart(width);
  const [, sign, digits] = /^([-+ ]?(?:0[xXbB])?)(.*)$/s.exec(text) ?? ['', '', text];
  return sign + digits.padStart(width - sign.length, '0');
}
