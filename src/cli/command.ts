/** What a command beside the daemon is: `nodelocaldns status --json`. */
import type { CorefileError } from '../config/corefile-error.ts';
import type { ControlRequest } from '../control/protocol.ts';
import { describeFlags, type FlagDefinition, readFlagWords } from './flag-set.ts';
import type { DaemonFlags } from './flags.ts';

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands behind the options: `NAME [TYPE]`. */
  readonly parameters: string;
  /** How many of them there may be. */
  readonly count: { readonly min: number; readonly max: number };
  readonly options: readonly FlagDefinition[];
  /** Whether it understands the daemon's flags too. */
  readonly takesDaemonFlags?: boolean;
  /** What it does, in a few sentences. */
  readonly help: string;
  /** Command lines without the program's name, each with what it is good for. */
  readonly examples: readonly (readonly [string, string])[];
  /** Resolves to the exit status. Rejects with a ControlError when the daemon cannot be asked. */
  run(words: CommandWords, modules: CommandModules): Promise<number>;
}

/** A command line understood. */
export interface CommandWords {
  readonly parameters: readonly string[];
  wasGiven(option: string): boolean;
  /** Of a boolean option. */
  isSet(option: string): boolean;
  /** The value of an option as it was given; its fallback else. */
  value(option: string): string;
  /** The daemon's flags among the words, fallbacks included. */
  readonly daemonFlags: DaemonFlags | null;
}

/** What commands work with. Swapped in tests. */
export interface CommandModules {
  /** Writes to standard output. */
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** The items of the running daemon's answer. */
  readonly ask: (request: ControlRequest, pid?: number) => AsyncIterable<unknown>;
  /** All faults of a Corefile; empty: it would be taken. Rejects when it cannot be read. */
  readonly checkCorefile: (path: string, flags: DaemonFlags | null) => Promise<CorefileCheck>;
}

export interface CorefileCheck {
  readonly faults: readonly CorefileError[];
  readonly warnings: readonly string[];
  /** `zone:port on address` of what it would serve. */
  readonly served: readonly string[];
}

/** Options that most commands share. */
export const JSON_OPTION: FlagDefinition = {
  name: 'json',
  kind: 'boolean',
  fallback: 'false',
  usage: 'write JSON, for programs',
};
export const PID_OPTION: FlagDefinition = {
  name: 'pid',
  kind: 'string',
  fallback: '',
  usage: 'ask the daemon with this process ID; without it the youngest one is asked',
};

/** Words of a command line: options may stand before, between and behind the parameters. */
export interface ReadWords {
  readonly parameters: readonly string[];
  /** By option name; those that were given. BOUNDED by the definitions. */
  readonly given: ReadonlyMap<string, string>;
}

/** Throws UsageError; returns null when help is wanted. */
export function readWords(
  argv: readonly string[],
  definitions: readonly FlagDefinition[],
): ReadWords | null {
  const parameters: string[] = [];
  const given = new Map<string, string>();
  let rest = argv;
  while (rest.length > 0) {
    const words = readFlagWords(rest, definitions);
    if (words.kind === 'help') return null;
    if (words.kind === 'fault') throw new UsageError(words.message);
    for (const name of words.given) given.set(name, words.values.get(name) ?? '');
    parameters.push(...words.rest.slice(0, 1));
    rest = words.rest.slice(1);
  }
  return { parameters, given };
}

export function commandHelp(program: string, command: Command): string {
  const { name, parameters, options, help, examples, takesDaemonFlags } = command;
  const words = [program, name, '[options]', parameters].filter((word) => word !== '').join(' ');
  const lines = examples.map(([line, purpose]) => `  ${program} ${line}\n      ${purpose}\n`);
  const more = takesDaemonFlags
    ? "\nThe daemon's own flags are understood too (-h lists them).\n"
    : '';
  return `Usage: ${words}\n\n${help}\n\nOptions:\n${describeFlags(options)}${more}\nExamples:\n${lines.join('')}`;
}

/** The value of `-pid`. Throws UsageError. */
export function readPid(words: CommandWords): number | undefined {
  const text = words.value('pid');
  if (text === '') return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no process ID`);
}

/** The only item of the daemon's answer; `pid` goes before the option. */
export async function askOnce<T>(
  request: ControlRequest,
  words: CommandWords,
  { ask }: CommandModules,
  pid = readPid(words),
): Promise<T> {
  for await (const item of ask(request, pid)) return item as T;
  throw new Error('the daemon has nothing to say');
}

/** A command line that makes no sense. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
