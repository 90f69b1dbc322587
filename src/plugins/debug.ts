/** `debug`: debug lines in the log, and no recovery from a stage that throws (spec §5.12). */
import { checkCount, unknownOption } from '../config/values.ts';
import type { Log } from '../log/log.ts';
import type { Directive, Part } from './directive.ts';

export const debug: Directive<null> = {
  name: 'debug',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    if (lines.length > 0) throw unknownOption('debug', lines[0].words[0]);
    return null;
  },
  configure(_options, settings) {
    settings.debug = true;
  },
  service(_options, { parts, log }) {
    parts.take('debug', () => new DebugLines(log));
  },
};

/** Debug lines, on as long as some block asks for them. */
class DebugLines implements Part {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#log.debugEnabled = true;
  }

  async stop(): Promise<void> {
    this.#log.debugEnabled = false;
  }
}
