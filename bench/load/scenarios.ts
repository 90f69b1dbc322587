/** What is measured, one scenario after the other, each with a server that was just started. */
import { setTimeout as sleep } from 'node:timers/promises';
import { lostPercent, measureCost } from './cost.ts';
import type { Disturbance } from './disturbance.ts';
import { type LoadOptions, load, loadOnce, percentile } from './dnsperf.ts';
import type { Program } from './process.ts';
import type { QueryFiles } from './queries.ts';
import type { Measured } from './report.ts';
import type { Running } from './running.ts';
import type { Upstream } from './servers.ts';
import { compareStubDomains } from './stub-domains.ts';

/** A server under test, and how long to measure. */
export interface Run {
  readonly program: Program;
  readonly port: number;
  readonly queries: QueryFiles;
  readonly seconds: number;
  /** Of the scenario that looks for growth. */
  readonly minutes: number;
  /** From exec to the first answer. */
  readonly startMs: number;
  /** Scrapes its metrics and changes its configuration from now on; null: it has no way to. */
  readonly disturb: (() => Disturbance) | null;
}

/** One row; the columns depend on the scenario. */
export type Row = Readonly<Record<string, number>>;

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly upstream: Upstream;
  /** Whether an echo without DNS can be the floor. */
  readonly hasFloor: boolean;
  /** Measured once, however many rounds there are: it takes minutes, or changes little. */
  readonly isLong?: boolean;
  measure(run: Run): Promise<Row>;
}

/** Has the cache filled, then warms up for a second at least. */
async function fill(source: LoadOptions, warmUpSeconds: number): Promise<void> {
  await load({ ...source, rounds: 1, outstanding: 50 });
  await load({ ...source, seconds: Math.max(1, warmUpSeconds) });
}

/** Configurations of ours beside each other; other servers take no part. */
export interface OwnScenario {
  readonly name: string;
  readonly title: string;
  /** @param start starts our daemon with so many blocks of stub domains */
  compare(
    start: (stubBlocks: number) => Promise<Running>,
    queries: QueryFiles,
  ): Promise<Measured[]>;
}

/** Answers from the cache: filled first, then warmed up for half as long as it is measured. */
function cached(
  name: string,
  title: string,
  file: keyof QueryFiles,
  options: { readonly edns?: boolean } = {},
): Scenario {
  return {
    name,
    title,
    upstream: 'udp',
    hasFloor: true,
    measure: async ({ program, port, queries, seconds }) => {
      const source = { port, queries: queries[file], ...options };
      await fill(source, seconds / 2);
      return measureCost(program, () => load({ ...source, seconds }));
    },
  };
}

/**
 * How often the names for warming up are asked for, which are more than a cache holds: some four seconds, after which V8 has compiled
 * what is used and knows how large its heap has to be.
 */
const MISS_WARM_UP_ROUNDS = 4;

/** Every name once, so that each is fetched and stored. A run over other names fills the cache. */
function misses(name: string, title: string, upstream: Upstream): Scenario {
  const [warmUp, file] =
    upstream === 'tcp'
      ? (['clusterWarmUp', 'clusterOnce'] as const)
      : (['plainWarmUp', 'plainOnce'] as const);
  return {
    name,
    title,
    upstream,
    hasFloor: false,
    measure: async ({ program, port, queries }) => {
      const once = { port, rounds: 1, outstanding: 100 };
      await load({ ...once, rounds: MISS_WARM_UP_ROUNDS, queries: queries[warmUp] });
      return measureCost(program, () => load({ ...once, queries: queries[file] }));
    },
  };
}

/** Clients over TCP, with many queries on each connection or with one. */
function tcpClients(name: string, title: string, many: boolean): Scenario {
  return {
    name,
    title,
    upstream: 'udp',
    hasFloor: false,
    measure: async ({ program, port, queries, seconds }) => {
      await load({ port, queries: queries.hits, outstanding: 100, clients: 100, rounds: 1 });
      const overTcp = { port, queries: queries.hits, transport: 'tcp', outstanding: 100 } as const;
      const work = (duration: number) =>
        many
          ? load({ ...overTcp, clients: 100, seconds: duration })
          : loadOnce(port, queries.hits, duration);
      await work(Math.max(1, seconds / 2));
      return measureCost(program, () => work(seconds));
    },
  };
}

/**
 * Tails are those of a server that has run for a while: what V8 compiles, and what the first scrape and the first
 * reload load, is over by then.
 */
const LATENCY_WARM_UP_SECONDS = 5;
const MIN_LATENCY_SECONDS = 10;

/** @param isDisturbed with scrapes and reloads meanwhile, where a server has them */
function latency(perSecond: number, isDisturbed = false): Scenario {
  const rate = `${perSecond.toLocaleString('en')}/s`;
  return {
    name: isDisturbed ? `disturbed-${perSecond}` : `latency-${perSecond}`,
    title: isDisturbed
      ? `Latency at ${rate}, ours with a scrape each second and a reload each 5 s`
      : `Latency of cached answers at ${rate}`,
    upstream: 'udp',
    hasFloor: false,
    measure: async ({ port, queries, disturb, ...run }) => {
      const source = { port, queries: queries.hits };
      await fill(source, LATENCY_WARM_UP_SECONDS);
      const disturbance = isDisturbed ? disturb?.() : undefined;
      await load({ ...source, seconds: LATENCY_WARM_UP_SECONDS + 1, perSecond });
      const seconds = Math.max(MIN_LATENCY_SECONDS, run.seconds);
      const result = await load({ ...source, seconds, perSecond, latencies: true });
      await disturbance?.stop();
      return {
        'p50 µs': percentile(result.latenciesUs, 50),
        'p99 µs': percentile(result.latenciesUs, 99),
        'p99.9 µs': percentile(result.latenciesUs, 99.9),
        'lost %': lostPercent(result),
      };
    },
  };
}

const NINETY_PERCENT = 0.9;

const belowPeak: Scenario = {
  name: 'peak-90',
  title: 'Cached A answers at 90 % of the peak',
  upstream: 'udp',
  hasFloor: false,
  measure: async ({ program, port, queries, seconds }) => {
    const source = { port, queries: queries.hits };
    await fill(source, seconds / 2);
    const { perSecond: peak } = await load({ ...source, seconds });
    const perSecond = Math.floor(peak * NINETY_PERCENT);
    const row = await measureCost(program, () => load({ ...source, seconds, perSecond }));
    return { ...row, 'peak answers/s': peak };
  },
};

/** How long after a load memory is read again. */
const SETTLE_MS = 10_000;
const SAMPLES_PER_MINUTE = 60;

const memory: Scenario = {
  name: 'memory',
  title: 'Memory: started, with 20,000 names, after mixed load',
  upstream: 'udp',
  hasFloor: false,
  isLong: true,
  measure: async ({ program, port, queries, minutes }) => {
    const startedMib = program.memoryMib();
    await load({ port, queries: queries.bothZones, rounds: 1, outstanding: 100 });
    const filledMib = program.memoryMib();
    await sleep(SETTLE_MS);
    const settledMib = program.memoryMib();
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(program.memoryMib()), 60_000 / SAMPLES_PER_MINUTE);
    await load({ port, queries: queries.mix, seconds: minutes * 60, perSecond: 5000 });
    clearInterval(timer);
    return {
      'started MiB': startedMib,
      '20,000 names MiB': filledMib,
      '10 s later MiB': settledMib,
      'mixed load, 1st min MiB': mean(samples.slice(0, SAMPLES_PER_MINUTE)),
      [`min ${minutes} MiB`]: mean(samples.slice(-SAMPLES_PER_MINUTE)),
      'most MiB': Math.max(...samples),
    };
  },
};

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

const startUp: Scenario = {
  name: 'start',
  title: 'Start-up: from exec to the first answer',
  upstream: 'udp',
  hasFloor: false,
  measure: async ({ program, startMs }) => ({
    'start ms': startMs,
    'CPU ms': program.cpuUs() / 1000,
  }),
};

/** What a start leaves to be done, V8's compiling included, is not rest. */
const REST_SETTLE_MS = 60_000;
/** /proc counts in steps of 10 ms: 0.03 % of a core over this time. */
const MIN_REST_SECONDS = 30;

const idle: Scenario = {
  name: 'idle',
  title: 'At rest',
  upstream: 'udp',
  hasFloor: false,
  isLong: true,
  measure: async ({ program, seconds }) => {
    await sleep(REST_SETTLE_MS);
    const restSeconds = Math.max(MIN_REST_SECONDS, seconds);
    const before = program.cpuUs();
    await sleep(restSeconds * 1000);
    return { 'core %': (program.cpuUs() - before) / (restSeconds * 10_000) };
  },
};

export const SCENARIOS: readonly (Scenario | OwnScenario)[] = [
  cached('hits', 'Cached A answers (1,000 names)', 'hits'),
  cached('hits-edns', 'Cached answers, EDNS and mixed case', 'mixedCase', { edns: true }),
  cached('hits-unknown', 'Cached NXDOMAIN', 'unknown'),
  {
    name: 'hits-stubs',
    title: 'Cached A answers, with and without 1,000 stub domains in 100 blocks, in turns',
    compare: compareStubDomains,
  },
  misses('misses-tcp', 'Misses, upstream over TCP (100,000 names once)', 'tcp'),
  misses('misses-udp', 'Misses, upstream over UDP (100,000 names once)', 'udp'),
  tcpClients('tcp-many', 'TCP clients, many queries on each connection', true),
  tcpClients('tcp-one', 'TCP clients, one query on each connection', false),
  {
    name: 'mix',
    title: 'A Kubernetes mix: search lists, A and AAAA, one name in ten is new',
    upstream: 'udp',
    hasFloor: false,
    measure: async ({ program, port, queries }) => {
      const once = { port, queries: queries.mix, rounds: 1, outstanding: 100 };
      return measureCost(program, () => load(once));
    },
  },
  belowPeak,
  latency(1000),
  latency(10_000),
  latency(1000, true),
  latency(10_000, true),
  memory,
  startUp,
  idle,
];
