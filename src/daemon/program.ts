/** What the command line needs to know of the daemon. */
import type { ProgramModules } from '../cli/program.ts';
import { Daemon } from '../daemon.ts';
import { Log } from '../log/log.ts';
import { LogOutput } from '../log/output.ts';
import { VERSION } from '../metrics/version.ts';
import { DIRECTIVES } from '../plugins/registry.ts';
import { checkCorefile } from './check-corefile.ts';
import { putHelpersBehind } from './helper-threads.ts';
import { keepMemorySmall } from './memory.ts';
import { obeySignals } from './signals.ts';

export function createProgram(): ProgramModules {
  const output = new LogOutput({
    write: (line) => process.stdout.write(`${line}\n`),
    now: Date.now,
  });
  process.once('exit', () => output.flush());
  const log = new Log(output.sink);
  return {
    facts: {
      name: process.argv[1],
      versionLines: [
        `nodelocaldns-${VERSION}`,
        `${process.platform}/${process.arch}, node${process.versions.node}, `,
      ],
      directiveNames: DIRECTIVES.map(({ name }) => name),
    },
    log,
    checkCorefile,
    createDaemon: (flags) => {
      output.format = flags.logFormat;
      const memoryStarted = keepMemorySmall();
      const started = () => {
        putHelpersBehind();
        memoryStarted();
      };
      return new Daemon(flags, { log, complaints: () => output.complaints, started });
    },
    obeySignals: (daemon) => obeySignals(daemon, log),
  };
}
