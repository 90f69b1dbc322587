/** Values in templates: what Go's text/template calls fields, maps, slices and methods. */

/** Something to call with arguments. Throws TemplateError. */
export type TemplateFunction = (args: readonly TemplateValue[]) => TemplateValue;

/** Undefined is what a map holds where it holds nothing. */
export type TemplateValue =
  | string
  | bigint
  | boolean
  | undefined
  | readonly TemplateValue[]
  | TemplateFields
  | TemplateFunction;

/** A struct or a map. */
export interface TemplateFields {
  readonly fields: ReadonlyMap<string, TemplateValue>;
  /** Of a struct all fields are known: another one is a fault. */
  readonly isStruct: boolean;
}

/** A template that cannot be understood (`syntax`) or not be filled in (`execution`). */
export class TemplateError extends Error {
  readonly code: 'syntax' | 'execution';

  constructor(code: 'syntax' | 'execution', message: string) {
    super(message);
    this.name = 'TemplateError';
    this.code = code;
  }
}

export function isList(value: TemplateValue): value is readonly TemplateValue[] {
  return Array.isArray(value);
}

export function isFields(value: TemplateValue): value is TemplateFields {
  return typeof value === 'object' && !isList(value);
}

/** `value.name`. Throws TemplateError where there can be no such field. */
export function fieldOf(value: TemplateValue, name: string): TemplateValue {
  if (!isFields(value)) throw cannot(`evaluate field ${name} in ${kindOf(value)}`);
  if (value.isStruct && !value.fields.has(name)) throw cannot(`evaluate field ${name}`);
  return value.fields.get(name);
}

/** As Go's fmt.Print writes it. */
export function printed(value: TemplateValue): string {
  if (value === undefined) return '<no value>';
  if (isList(value)) return `[${value.map(printed).join(' ')}]`;
  if (!isFields(value)) return typeof value === 'function' ? '' : String(value);
  const pairs = [...value.fields].filter(([, field]) => typeof field !== 'function');
  if (value.isStruct) return `{${pairs.map(([, field]) => printed(field)).join(' ')}}`;
  return `map[${pairs
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${name}:${printed(field)}`)
    .join(' ')}]`;
}

/** Whether `if` takes the first branch: a value that is not the zero of its type. */
export function isTrue(value: TemplateValue): boolean {
  if (isList(value)) return value.length > 0;
  if (isFields(value)) return value.isStruct || value.fields.size > 0;
  return Boolean(value);
}

/** What a value is, for messages. */
export function kindOf(value: TemplateValue): string {
  if (value === undefined) return 'nil';
  if (isList(value)) return 'slice';
  if (isFields(value)) return value.isStruct ? 'struct' : 'map';
  return { string: 'string', bigint: 'int', boolean: 'bool', function: 'func' }[
    typeof value as 'string' | 'bigint' | 'boolean' | 'function'
  ];
}

export function cannot(what: string): TemplateError {
  return new TemplateError('execution', `can't ${what}`);
}
