/** The program: what the words of its command line lead to. */
import { askDaemon } from '../control/control-client.ts';
import type { Log } from '../log/log.ts';
import type { CommandModules } from './command.ts';
import { type Stoppable, startDemo } from './demo.ts';
import { type DaemonFlags, type ProgramFacts, readFlags } from './flags.ts';
import { runCommandLine } from './run-command.ts';

/** What the program needs from those who know the daemon. */
export interface ProgramModules {
  readonly facts: ProgramFacts;
  readonly log: Log;
  readonly checkCorefile: CommandModules['checkCorefile'];
  /** A daemon that has not started. */
  readonly createDaemon: (flags: DaemonFlags) => StartableDaemon;
  /** Lets signals stop and reload it, also while it starts. */
  readonly obeySignals: (daemon: RunningDaemon) => void;
}

export interface RunningDaemon extends Stoppable {
  reload(): Promise<boolean>;
}

export interface StartableDaemon extends RunningDaemon {
  /** Resolves when it serves or was stopped meanwhile, rejects with what is wrong. */
  start(): Promise<void>;
}

/** Runs a command line. Resolves when the daemon serves, or with the exit code when there is none. */
export async function runProgram(
  argv: readonly string[],
  modules: ProgramModules,
): Promise<number | null> {
  try {
    if (argv[0] === 'demo') return await runDemo(modules);
    const status = await runCommand(argv, modules);
    if (status !== null) return status;
    return await runDaemon(argv, modules);
  } catch (error) {
    modules.log.fatal(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

/** Resolves to the exit code; null when the words are the daemon's. */
function runCommand(
  argv: readonly string[],
  { facts, checkCorefile }: ProgramModules,
): Promise<number | null> {
  return runCommandLine(argv, {
    facts,
    checkCorefile,
    ask: askDaemon,
    isTerminal: process.stdout.isTTY === true,
    write: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  });
}

async function runDaemon(argv: readonly string[], modules: ProgramModules): Promise<number | null> {
  const outcome = readFlags(argv, process.env, modules.facts);
  if (outcome.kind === 'exit') {
    process.stdout.write(outcome.stdout);
    process.stderr.write(outcome.stderr);
    return outcome.code;
  }
  for (const warning of outcome.warnings) modules.log.warning(warning);
  const daemon = modules.createDaemon(outcome.flags);
  modules.obeySignals(daemon);
  await daemon.start();
  return null;
}

async function runDemo({ facts, log, createDaemon, obeySignals }: ProgramModules): Promise<null> {
  let daemon: RunningDaemon | null = null;
  const demo = await startDemo(
    async (words) => {
      const outcome = readFlags(words, process.env, facts);
      if (outcome.kind === 'exit') throw new Error(outcome.stderr);
      const created = createDaemon(outcome.flags);
      await created.start();
      daemon = created;
      return created;
    },
    (text) => log.plain(text),
  );
  obeySignals({ stop: () => demo.stop(), reload: async () => (await daemon?.reload()) ?? false });
  return null;
}
