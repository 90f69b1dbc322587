/** The functions that templates may call: those of Go's text/template, and CoreDNS' `parseInt`. */
import { formatted } from './template-printf.ts';
import {
  cannot,
  isFields,
  isList,
  isTrue,
  kindOf,
  printed,
  TemplateError,
  type TemplateFunction,
  type TemplateValue,
} from './template-value.ts';

/** By name. Those of Go that make HTML, JavaScript and URLs are not here. */
export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['parseInt', parseInteger],
  ['index', index],
  ['slice', slice],
  ['len', (args) => BigInt(sized(exactly('len', args, 1)[0]).length)],
  ['print', (args) => print(args)],
  ['println', (args) => `${args.map(printed).join(' ')}\n`],
  ['printf', ([format, ...args]) => formatted(asText(format), args)],
  ['not', (args) => !isTrue(exactly('not', args, 1)[0])],
  ['and', (args) => args.find((value) => !isTrue(value)) ?? args.at(-1)],
  ['or', (args) => args.find(isTrue) ?? args.at(-1)],
  ['eq', ([first, ...others]) => others.some((other) => compare(first, other) === 0)],
  ['ne', (args) => compareTwo('ne', args) !== 0],
  ['lt', (args) => compareTwo('lt', args) < 0],
  ['le', (args) => compareTwo('le', args) <= 0],
  ['gt', (args) => compareTwo('gt', args) > 0],
  ['ge', (args) => compareTwo('ge', args) >= 0],
]);

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** `parseInt TEXT BASE BITS`: Go's strconv.ParseUint, so without a sign. */
function parseInteger(args: readonly TemplateValue[]): TemplateValue {
  const [text, base, bits] = exactly('parseInt', args, 3);
  const radix = Number(asInteger(base));
  const width = Number(asInteger(bits)) || 64;
  const fault = (why: string) =>
    new TemplateError('execution', `parseInt: parsing "${asText(text)}": ${why}`);
  if (radix < 2 || radix > 36) throw fault(`invalid base ${radix}`);
  if (width < 0 || width > 64) throw fault(`invalid bit size ${width}`);
  const digits = [...asText(text).toLowerCase()].map((digit) => DIGITS.indexOf(digit));
  const areValid = digits.length > 0 && digits.every((digit) => digit >= 0 && digit < radix);
  if (!areValid) throw fault('invalid syntax');
  const value = digits.reduce((sum, digit) => sum * BigInt(radix) + BigInt(digit), 0n);
  if (value >> BigInt(width) !== 0n) throw fault('value out of range');
  return value;
}

/** `index LIST|MAP KEY…`. A map without the key has an empty text there. */
function index([first, ...keys]: readonly TemplateValue[]): TemplateValue {
  return keys.reduce((value, key) => {
    if (isFields(value) && !value.isStruct) return value.fields.get(asText(key)) ?? '';
    const list = sized(value);
    const at = Number(asInteger(key));
    if (at < 0 || at >= list.length) throw cannot(`index: out of range: ${at}`);
    const element = list[at];
    return typeof list === 'string' ? BigInt(list.charCodeAt(at)) : element;
  }, first);
}

/** `slice TEXT|LIST [FROM [TO]]`. */
function slice([first, from, to]: readonly TemplateValue[]): TemplateValue {
  const list = sized(first);
  const start = from === undefined ? 0 : Number(asInteger(from));
  const end = to === undefined ? list.length : Number(asInteger(to));
  if (start < 0 || end > list.length || start > end) throw cannot('slice: out of range');
  return list.slice(start, end);
}

/** Go's fmt.Sprint: a space between two values of which neither is a text. */
function print(args: readonly TemplateValue[]): string {
  return args.reduce<string>((text, value, at) => {
    const before = args[at - 1];
    const apart = at > 0 && typeof before !== 'string' && typeof value !== 'string';
    return `${text}${apart ? ' ' : ''}${printed(value)}`;
  }, '');
}

function compareTwo(name: string, args: readonly TemplateValue[]): number {
  const [a, b] = exactly(name, args, 2);
  return compare(a, b);
}

/** Less than 0, 0 or more than 0. */
function compare(a: TemplateValue, b: TemplateValue): number {
  const isBasic = typeof a === 'string' || typeof a === 'bigint' || typeof a === 'boolean';
  if (!isBasic || typeof a !== typeof b) throw cannot(`compare ${kindOf(a)} with ${kindOf(b)}`);
  if (a === b) return 0;
  return a < (b as typeof a) ? -1 : 1;
}

function exactly(
  name: string,
  args: readonly TemplateValue[],
  count: number,
): readonly TemplateValue[] {
  if (args.length === count) return args;
  throw cannot(`call ${name}: wrong number of args: want ${count}, got ${args.length}`);
}

function sized(value: TemplateValue): string | readonly TemplateValue[] {
  if (typeof value === 'string' || isList(value)) return value;
  throw cannot(`index item of type ${kindOf(value)}`);
}

function asText(value: TemplateValue): string {
  if (typeof value === 'string') return value;
  throw cannot(`use ${kindOf(value)} as string`);
}

function asInteger(value: TemplateValue): bigint {
  if (typeof value === 'bigint') return value;
  throw cannot(`use ${kindOf(value)} as int`);
}
