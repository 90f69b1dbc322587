/**
 * `errors`: logs why a query got no good answer (spec §5.9).
 *
 *   errors [stdout] {
 *       stacktrace
 *       consolidate DURATION REGEXP [warning|error|info|debug] [show_first]
 *   }
 *
 * An error that matches the REGEXP of a `consolidate` is counted; DURATION after the first one its
 * line says how many there were.
 */
import { CorefileError } from '../config/corefile-error.ts';
import { readGoRegExp } from '../config/go-regexp.ts';
import type { Token } from '../config/token.ts';
import { checkCount, goDuration, readDurationMs, unknownOption } from '../config/values.ts';
import type { Query } from '../dns/query.ts';
import { typeName } from '../dns/type.ts';
import type { Log } from '../log/log.ts';
import type { BlockContext, Directive, Part } from './directive.ts';
import type { Done, Outcome, Stage } from './stage.ts';

type Level = 'warning' | 'error' | 'info' | 'debug';
const LEVELS: readonly string[] = ['warning', 'error', 'info', 'debug'] satisfies Level[];

/** Up to the longest delay that a timer takes. */
const PERIOD_MS = { min: 0, max: 0x7fff_ffff };

/** One `consolidate` line. */
interface Consolidation {
  readonly periodMs: number;
  readonly pattern: RegExp;
  /** The pattern as it was written. */
  readonly source: string;
  readonly level: Level;
  /** Whether the first error of a period is logged in full. */
  readonly showFirst: boolean;
}

export interface ErrorsOptions {
  /** In the order of the Corefile: the first that matches counts. */
  readonly consolidations: readonly Consolidation[];
}

export const errors: Directive<ErrorsOptions> = {
  name: 'errors',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 1 });
    if (args.length === 1 && args[0].text !== 'stdout') {
      const message = `invalid log file: "${args[0].text}"`;
      throw new CorefileError('argument-value', message, args[0]);
    }
    const consolidations: Consolidation[] = [];
    for (const { words } of lines) {
      const [option, ...values] = words;
      if (option.text === 'consolidate') consolidations.push(readConsolidation(option, values));
      // Accepted: a stage that throws is always logged with its stack.
      else if (option.text !== 'stacktrace') throw unknownOption('errors', option);
      else checkCount(option, values, { min: 0, max: 0 });
    }
    return Object.freeze({ consolidations: Object.freeze(consolidations) });
  },
  stage: ({ consolidations }, context, next) =>
    new ErrorLog(takeTallies(consolidations, context), context.log.forPlugin('errors'), next),
};

function readConsolidation(option: Token, values: readonly Token[]): Consolidation {
  const showFirst = values.length > 2 && values.at(-1)?.text === 'show_first';
  const [period, pattern, level, ...rest] = showFirst ? values.slice(0, -1) : values;
  checkCount(option, values, { min: 2, max: showFirst ? 4 : 3 });
  if (rest.length > 0) throw unknownOption('errors', rest[0]);
  return Object.freeze({
    periodMs: readDurationMs(period, PERIOD_MS),
    pattern: readGoRegExp(pattern),
    source: pattern.text,
    level: level === undefined ? 'error' : readLevel(level),
    showFirst,
  });
}

function readLevel(word: Token): Level {
  if (LEVELS.includes(word.text)) return word.text as Level;
  const message = `unknown log level argument in consolidate: "${word.text}"`;
  throw new CorefileError('argument-value', message, word);
}

/** Counting goes on across a reload as long as the block and the line stay the same. */
function takeTallies(
  consolidations: readonly Consolidation[],
  { parts, log, servers, zones }: BlockContext,
): ErrorTally[] {
  const pluginLog = log.forPlugin('errors');
  return consolidations.map((line) => {
    const { periodMs, source, level, showFirst } = line;
    const key = JSON.stringify(['errors', servers, zones, periodMs, source, level, showFirst]);
    return parts.take(key, () => new ErrorTally(line, pluginLog));
  });
}

/** Looks at every outcome that passes; those of the cache's hit path have no error to show. */
class ErrorLog implements Stage {
  readonly #tallies: readonly ErrorTally[];
  readonly #log: Log;
  readonly #next: Stage;

  constructor(tallies: readonly ErrorTally[], log: Log, next: Stage) {
    this.#tallies = tallies;
    this.#log = log;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    this.#next.resolve(query, (outcome) => {
      if (outcome.error !== '') this.#report(query, outcome);
      done(outcome);
    });
  }

  #report(query: Query, { rcode, error }: Outcome): void {
    const line = `${rcode} ${query.name} ${typeName(query.qtype)}: ${error}`;
    for (const tally of this.#tallies) {
      if (tally.takes(error, line)) return;
    }
    this.#log.error(line);
  }
}

/** Counts errors of one kind. */
class ErrorTally implements Part {
  readonly #options: Consolidation;
  readonly #log: Log;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Consolidation, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#flush();
  }

  /** Counts an error when it is of this kind, and says whether it is. `line` is its log line. */
  takes(error: string, line: string): boolean {
    const { pattern, level, periodMs, showFirst } = this.#options;
    if (!pattern.test(error)) return false;
    if (++this.#count === 1) {
      this.#timer = setTimeout(() => this.#flush(), periodMs).unref();
      if (showFirst) this.#log[level](line);
    }
    return true;
  }

  /** Says how many there were. One that was shown in full needs no line of its own. */
  #flush(): void {
    clearTimeout(this.#timer);
    const count = this.#count;
    this.#count = 0;
    const { source, level, periodMs, showFirst } = this.#options;
    if (count === 0 || (count === 1 && showFirst)) return;
    this.#log[level](`${count} errors like '${source}' occurred in last ${goDuration(periodMs)}`);
  }
}
