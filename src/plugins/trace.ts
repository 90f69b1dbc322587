/**
 * `trace [zipkin|datadog] [ENDPOINT] { … }`: sends a span for every Nth query to a collector, from
 * outside the packet path (spec §5.12). All answers are seen, those from the cache too, so the
 * short cut for hits is given up.
 */
import { CorefileError } from '../config/corefile-error.ts';
import type { OptionLine, Token } from '../config/token.ts';
import { checkCount, readDurationMs, readInteger, unknownOption } from '../config/values.ts';
import type { Query } from '../dns/query.ts';
import { rcodeName } from '../dns/rcode.ts';
import { typeName } from '../dns/type.ts';
import type { Clock } from '../log/clock.ts';
import type { Directive } from './directive.ts';
import type { Done, Stage } from './stage.ts';
import { TraceReporter } from './trace-reporter.ts';
import { encodeDatadog, encodeZipkin, newSpanId } from './trace-span.ts';

export interface TraceOptions {
  readonly collector: 'zipkin' | 'datadog';
  /** Where spans are sent: `http://localhost:9411/api/v2/spans`. */
  readonly url: string;
  /** Every how manieth query is traced; 0 for none. */
  readonly every: number;
  readonly service: string;
  /** Share of the traces that Datadog is to analyse; null leaves that to the agent. */
  readonly analyticsRate: number | null;
  /** Spans kept while the collector is slow; older ones are dropped. */
  readonly maxBacklog: number;
  readonly maxBatch: number;
  readonly batchIntervalMs: number;
}

const ZIPKIN_ENDPOINT = 'localhost:9411';
const DATADOG_ENDPOINT = 'localhost:8126';
const COUNT = { min: 1, max: 100_000 } as const;
const INTERVAL = { min: 10, max: 60_000 } as const;

export const trace: Directive<TraceOptions> = {
  name: 'trace',
  repeatable: false,

  parse([use]) {
    checkCount(use.name, use.args, { min: 0, max: 2 });
    const options = {
      ...readCollector(use.args),
      every: 1,
      service: 'coredns',
      analyticsRate: null,
      maxBacklog: 1000,
      maxBatch: 100,
      batchIntervalMs: 1000,
    };
    for (const line of use.lines) readOption(line, options);
    return Object.freeze(options);
  },

  stage(options, context, next) {
    if (options.every === 0) return next;
    context.declineHitPath();
    const log = context.log.forPlugin('trace');
    const reporter = context.parts.take(`trace ${JSON.stringify(options)}`, () => {
      const encode = options.collector === 'zipkin' ? encodeZipkin : encodeDatadog;
      return new TraceReporter(options, { encode: (spans) => encode(spans, options), log });
    });
    return new TraceStage(options.every, { next, reporter, clock: context.clock });
  },
};

/** Where spans go, by the directive's arguments. A lone `zipkin` or `datadog` is not an endpoint. */
function readCollector(args: readonly Token[]): Pick<TraceOptions, 'collector' | 'url'> {
  const [first, second] = args;
  const named = first?.text.toLowerCase();
  const isNamed = named === 'zipkin' || named === 'datadog';
  if (second !== undefined && !isNamed) {
    throw new CorefileError(
      'argument-value',
      `tracing endpoint type "${first.text}" is not supported, zipkin and datadog are`,
      first,
    );
  }
  const endpoint = isNamed ? second : first;
  if (named === 'datadog') {
    return { collector: 'datadog', url: readUrl(endpoint, DATADOG_ENDPOINT, '/v0.4/traces') };
  }
  return { collector: 'zipkin', url: readUrl(endpoint, ZIPKIN_ENDPOINT, '/api/v2/spans') };
}

/** The URL of `host:port`, or the endpoint itself when it is a URL already. */
function readUrl(endpoint: Token | undefined, fallback: string, path: string): string {
  const text = endpoint?.text ?? fallback;
  const url = /^https?:\/\//.test(text) ? text : `http://${text}${path}`;
  if (endpoint === undefined || URL.canParse(url)) return url;
  throw new CorefileError('argument-value', `"${text}" is neither host:port nor a URL`, endpoint);
}

/** Changes `options` as the line says. */
function readOption(
  { words: [name, ...args] }: OptionLine,
  options: { -readonly [Name in keyof TraceOptions]: TraceOptions[Name] },
): void {
  // It says how spans join the trace of a client, and DNS queries bring none along.
  if (name.text === 'client_server') {
    readFlag(name, args);
    return;
  }
  checkCount(name, args, { min: 1, max: 1 });
  const [value] = args;
  switch (name.text) {
    case 'every':
      options.every = readInteger(value, { min: 0, max: Number.MAX_SAFE_INTEGER });
      break;
    case 'service':
      options.service = value.text;
      break;
    case 'datadog_analytics_rate':
      options.analyticsRate = readShare(value);
      break;
    case 'zipkin_max_backlog_size':
      options.maxBacklog = readInteger(value, COUNT);
      break;
    case 'zipkin_max_batch_size':
      options.maxBatch = readInteger(value, COUNT);
      break;
    case 'zipkin_max_batch_interval':
      options.batchIntervalMs = readDurationMs(value, INTERVAL);
      break;
    default:
      throw unknownOption('trace', name);
  }
}

function readFlag(name: Token, args: readonly Token[]): void {
  checkCount(name, args, { min: 0, max: 1 });
  if (args.length === 0 || /^(1|t|true|0|f|false)$/i.test(args[0].text)) return;
  throw new CorefileError('argument-value', `"${args[0].text}" is neither true nor false`, args[0]);
}

function readShare(word: Token): number {
  const share = word.text === '' ? Number.NaN : Number(word.text);
  if (share >= 0 && share <= 1) return share;
  throw new CorefileError('argument-value', `"${word.text}" is not between 0 and 1`, word);
}

interface TraceModules {
  readonly next: Stage;
  readonly reporter: TraceReporter;
  readonly clock: Clock;
}

/** Times what `next` does with the queries that are traced. */
class TraceStage implements Stage {
  readonly #every: number;
  readonly #modules: TraceModules;
  #untraced = 0;

  constructor(every: number, modules: TraceModules) {
    this.#every = every;
    this.#modules = modules;
  }

  resolve(query: Query, done: Done): void {
    if (++this.#untraced < this.#every) {
      this.#modules.next.resolve(query, done);
      return;
    }
    this.#untraced = 0;
    const { next, reporter, clock } = this.#modules;
    const startMs = clock.nowMs();
    const startEpochMs = Date.now();
    next.resolve(query, (outcome) => {
      done(outcome);
      const { client } = query;
      reporter.report({
        id: newSpanId(),
        startEpochMs,
        durationMs: clock.nowMs() - startMs,
        local: { address: client.localAddress, port: client.localPort },
        remote: { address: client.address, port: client.port },
        name: query.name,
        type: typeName(query.qtype),
        rcode: rcodeName(outcome.rcode),
        proto: client.transport,
        plugin: outcome.plugin,
      });
    });
  }
}
