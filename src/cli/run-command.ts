/** Finds the command of a command line and runs it. */
import { ControlError } from '../control/control-error.ts';
import {
  type Command,
  type CommandModules,
  type CommandWords,
  commandHelp,
  readWords,
  UsageError,
} from './command.ts';
import { checkConfig } from './commands/check-config.ts';
import { cleanup } from './commands/cleanup.ts';
import { createCompletion } from './commands/completion.ts';
import { doctor } from './commands/doctor.ts';
import { dump } from './commands/dump.ts';
import { explain } from './commands/explain.ts';
import { flush } from './commands/flush.ts';
import { render } from './commands/render.ts';
import { status } from './commands/status.ts';
import { top } from './commands/top.ts';
import { FLAG_DEFINITIONS } from './flag-definitions.ts';
import { type DaemonFlags, type ProgramFacts, readFlags } from './flags.ts';

/** In the order of the help text: what to look at first, then what changes something. */
export const COMMANDS: readonly Command[] = [
  doctor,
  status,
  explain,
  top,
  dump,
  flush,
  checkConfig,
  render,
  cleanup,
  createCompletion(() => COMMANDS),
];

/** Exit statuses: something is wrong; the command line is. */
const FAILED = 1;
const MISUSED = 2;
const PROGRAM = 'nodelocaldns';
/** The address that all manifests use, for those who do not say which. */
const USUAL_LOCAL_ADDRESS = '169.254.20.10';

export interface RunModules extends CommandModules {
  readonly facts: ProgramFacts;
  /** Writes to standard error. */
  readonly complain: (text: string) => void;
}

/** Resolves to the exit status; null when the words name no command of ours. */
export async function runCommandLine(
  argv: readonly string[],
  modules: RunModules,
): Promise<number | null> {
  const [name, ...rest] = argv;
  if (name === 'help') return help(rest[0], modules);
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) return null;
  try {
    const words = readCommandWords(command, rest, modules.facts);
    if (words === null) return help(name, modules);
    return await command.run(words, modules);
  } catch (error) {
    if (error instanceof UsageError) {
      modules.complain(`${error.message}\nSee: ${PROGRAM} help ${command.name}\n`);
      return MISUSED;
    }
    if (!(error instanceof ControlError)) throw error;
    modules.complain(`${error.message}\n`);
    return FAILED;
  }
}

function help(name: string | undefined, { write, complain }: RunModules): number {
  const command = COMMANDS.find((known) => known.name === name);
  if (command !== undefined) {
    write(commandHelp(PROGRAM, command));
    return 0;
  }
  if (name !== undefined) {
    complain(`there is no command "${name}"\n`);
    return MISUSED;
  }
  const lines = COMMANDS.map(({ name: known, summary }) => `  ${known.padEnd(14)}${summary}\n`);
  write(
    `Usage: ${PROGRAM} [flags]              run the daemon (-h lists its flags)\n` +
      `       ${PROGRAM} COMMAND [options]\n\nCommands:\n${lines.join('')}` +
      `  ${'demo'.padEnd(14)}run a daemon on this machine to play with\n\n` +
      `${PROGRAM} help COMMAND says more about one.\n`,
  );
  return 0;
}

/** Null when help is wanted. Throws UsageError. */
function readCommandWords(
  command: Command,
  argv: readonly string[],
  facts: ProgramFacts,
): CommandWords | null {
  const { options, takesDaemonFlags, count } = command;
  const definitions = takesDaemonFlags === true ? [...options, ...FLAG_DEFINITIONS] : options;
  const read = readWords(argv, definitions);
  if (read === null) return null;
  const { parameters, given } = read;
  if (parameters.length < count.min || parameters.length > count.max) {
    throw new UsageError(`${command.name} takes ${command.parameters || 'no further words'}`);
  }
  return {
    parameters,
    wasGiven: (option) => given.has(option),
    isSet: (option) => given.get(option) === 'true',
    value: (option) =>
      given.get(option) ?? options.find((known) => known.name === option)?.fallback ?? '',
    daemonFlags: takesDaemonFlags === true ? readDaemonFlags(given, facts) : null,
  };
}

function readDaemonFlags(given: ReadonlyMap<string, string>, facts: ProgramFacts): DaemonFlags {
  const words = FLAG_DEFINITIONS.filter(({ name }) => given.has(name)).map(
    ({ name }) => `-${name}=${given.get(name)}`,
  );
  if (!given.has('localip')) words.push(`-localip=${USUAL_LOCAL_ADDRESS}`);
  const outcome = readFlags(words, process.env, facts);
  if (outcome.kind === 'run') return outcome.flags;
  throw new UsageError(outcome.stderr.split('\n', 1)[0] || 'these flags are for the daemon');
}
