/**
 * Reads flags as Go's `flag` package does (spec §1.1): `-name value` or `-name=value`, one dash or
 * two; booleans never take the next word; `--` or the first word that is no flag ends the flags.
 */
import { durationMs } from '../config/values.ts';

/** One flag. */
export interface FlagDefinition {
  readonly name: string;
  readonly kind: 'string' | 'boolean' | 'duration' | 'seconds' | readonly string[];
  /** As it would be written. */
  readonly fallback: string;
  readonly usage: string;
  /** The flag whose value this one sets. */
  readonly aliasOf?: string;
}

/** What the words of a command line say. */
export type FlagWords =
  | {
      readonly kind: 'values';
      /** By flag name, fallbacks included. BOUNDED by the definitions. */
      readonly values: ReadonlyMap<string, string>;
      /** The flags that were given, under the names they were given. BOUNDED by the definitions. */
      readonly given: ReadonlySet<string>;
      /** What stands behind the flags. */
      readonly rest: readonly string[];
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string };

const TRUE_WORDS: readonly string[] = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE_WORDS: readonly string[] = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** Reads a command line; booleans become `true` or `false`. Messages are those of Go. */
export function readFlagWords(
  argv: readonly string[],
  definitions: readonly FlagDefinition[],
): FlagWords {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  const values = new Map(definitions.map(({ name, fallback }) => [name, fallback]));
  const given = new Set<string>();
  let at = 0;
  while (at < argv.length && /^-./s.test(argv[at])) {
    const word = argv[at++];
    if (word === '--') break;
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word);
    if (match === null) return { kind: 'fault', message: `bad flag syntax: ${word}` };
    const [, name, attached] = match;
    const definition = byName.get(name);
    if (definition === undefined) {
      if (name === 'h' || name === 'help') return { kind: 'help' };
      return { kind: 'fault', message: `flag provided but not defined: -${name}` };
    }
    const text = attached ?? (definition.kind === 'boolean' ? 'true' : argv[at++]);
    if (text === undefined) return { kind: 'fault', message: `flag needs an argument: -${name}` };
    const value = readValue(definition, text);
    if (value === null) return { kind: 'fault', message: invalid(definition, text) };
    values.set(definition.aliasOf ?? name, value);
    given.add(name);
  }
  return { kind: 'values', values, given, rest: argv.slice(at) };
}

/** The value in one form, or null when the flag does not take it. */
function readValue({ kind }: FlagDefinition, text: string): string | null {
  switch (kind) {
    case 'string':
      return text;
    case 'boolean':
      if (TRUE_WORDS.includes(text)) return 'true';
      return FALSE_WORDS.includes(text) ? 'false' : null;
    case 'duration':
      return durationMs(text) === null ? null : text;
    case 'seconds':
      return /^\d+$/.test(text) || durationMs(text) !== null ? text : null;
    default:
      return kind.includes(text) ? text : null;
  }
}

function invalid({ name, kind }: FlagDefinition, text: string): string {
  const value = JSON.stringify(text);
  if (kind === 'boolean') return `invalid boolean value ${value} for -${name}: parse error`;
  const why = Array.isArray(kind) ? `must be one of ${kind.join(', ')}` : 'parse error';
  return `invalid value ${value} for flag -${name}: ${why}`;
}

/** The list of flags as Go prints it, by name. */
export function describeFlags(definitions: readonly FlagDefinition[]): string {
  return [...definitions]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(
      (definition) => `  -${definition.name}${typeWord(definition)}\n    \t${usage(definition)}\n`,
    )
    .join('');
}

function typeWord({ kind }: FlagDefinition): string {
  if (kind === 'boolean') return '';
  if (kind === 'seconds') return ' duration';
  return typeof kind === 'string' ? ` ${kind}` : ` ${kind.join('|')}`;
}

function usage({ kind, fallback, usage: text }: FlagDefinition): string {
  if (fallback === '' || fallback === 'false') return text;
  return `${text} (default ${kind === 'string' ? JSON.stringify(fallback) : fallback})`;
}
