/**
 * `log [NAMES…] [FORMAT] { class CLASS… }`: a line for each query, with what it was answered (spec
 * §5.10). The first line of the Corefile whose names fit decides.
 */
import { classify, isDenial, KIND_OTHER, KIND_SERVER_ERROR } from '../cache/classification.ts';
import { CorefileError } from '../config/corefile-error.ts';
import type { DirectiveUse, OptionLine } from '../config/token.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import { RCODE_NXDOMAIN } from '../dns/header.ts';
import type { Query, QueryTrace, UpstreamStep } from '../dns/query.ts';
import type { BlockContext, Directive } from './directive.ts';
import { COMMON_FORMAT, type LogFormat, readLogFormat } from './log-format.ts';
import type { Done, Outcome, Stage } from './stage.ts';

type Class = 'success' | 'denial' | 'error';

const CLASSES: ReadonlyMap<string, readonly Class[]> = new Map<string, readonly Class[]>([
  ['all', ['success', 'denial', 'error']],
  ['success', ['success']],
  ['denial', ['denial']],
  ['error', ['error']],
]);

/** What is logged of queries for names in one zone. */
interface LogRule {
  /** Lower case, with its last dot. */
  readonly scope: string;
  readonly format: LogFormat;
  readonly classes: ReadonlySet<Class>;
}

export interface LogOptions {
  readonly rules: readonly LogRule[];
}

export const log: Directive<LogOptions> = {
  name: 'log',
  repeatable: true,
  parse: (uses) => Object.freeze({ rules: Object.freeze(uses.flatMap(readUse)) }),
  stage({ rules }, context, next) {
    context.declineHitPath();
    return new QueryLog(rules, context, next);
  },
};

function readUse({ args, lines }: DirectiveUse): LogRule[] {
  const words = args.map((word) => word.text);
  const last = words.at(-1);
  const hasFormat = last !== undefined && words.length > 1 && last.includes('{');
  const format = readLogFormat(hasFormat ? last : COMMON_FORMAT);
  const names = hasFormat ? words.slice(0, -1) : words;
  const classes = readClasses(lines);
  return (names.length === 0 ? ['.'] : names).map((name) =>
    Object.freeze({ scope: absolute(name), format, classes }),
  );
}

function readClasses(lines: readonly OptionLine[]): ReadonlySet<Class> {
  const classes = new Set<Class>();
  for (const { words } of lines) {
    const [option, ...values] = words;
    if (option.text !== 'class') throw unknownOption('log', option);
    checkCount(option, values, { min: 1, max: Number.POSITIVE_INFINITY });
    for (const word of values) {
      const named = CLASSES.get(word.text);
      if (named === undefined) {
        throw new CorefileError('argument-value', `invalid Class: "${word.text}"`, word);
      }
      for (const name of named) classes.add(name);
    }
  }
  return classes.size > 0 ? classes : new Set(CLASSES.get('all'));
}

function absolute(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower : `${lower}.`;
}

/** Logs each query when it has its answer. */
class QueryLog implements Stage {
  readonly #rules: readonly LogRule[];
  readonly #context: BlockContext;
  readonly #next: Stage;

  constructor(rules: readonly LogRule[], context: BlockContext, next: Stage) {
    this.#rules = rules;
    this.#context = context;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const rule = this.#rules.find(({ scope }) => isWithin(query.name, scope));
    if (rule === undefined) {
      this.#next.resolve(query, done);
      return;
    }
    const note = rule.format.saysUpstream ? new UpstreamNote(query) : null;
    this.#next.resolve(query, (outcome) => {
      const isWanted = rule.classes.has(classOf(query, outcome));
      if (isWanted) this.#write(rule, query, outcome, note?.last ?? '');
      done(outcome);
    });
  }

  #write({ format }: LogRule, query: Query, outcome: Outcome, upstream: string): void {
    const durationMs = this.#context.clock.nowMs() - query.receivedAtMs;
    this.#context.log.info(format.write({ query, outcome, durationMs, upstream }));
  }
}

/** Notes which upstream a query was sent to. Who follows the query already goes on doing so. */
class UpstreamNote implements QueryTrace {
  /** The one that was asked last; '' for none. */
  last = '';
  readonly skipsCache: boolean;
  readonly #other: QueryTrace | null;

  constructor(query: Query) {
    this.#other = query.trace;
    this.skipsCache = query.trace?.skipsCache === true;
    query.trace = this;
  }

  upstream(step: UpstreamStep): void {
    this.last = step.to;
    this.#other?.upstream(step);
  }
}

function isWithin(name: string, scope: string): boolean {
  return scope === '.' || name === scope || name.endsWith(`.${scope}`);
}

function classOf({ qtype }: Query, { answer }: Outcome): Class {
  if (answer === null) return 'error';
  // Without the SOA record that a cache would need it is a denial all the same.
  if (answer.rcode === RCODE_NXDOMAIN) return 'denial';
  const kind = classify(answer, qtype, () => Date.now() / 1000);
  if (kind === KIND_SERVER_ERROR || kind >= KIND_OTHER) return 'error';
  return isDenial(kind) ? 'denial' : 'success';
}
