/**
 * Two clients beside a flood, as a process of their own: one asks for names in the cache, the other
 * for names that nobody asked before. Run with PORT SECONDS; prints what they saw as JSON.
 */
import { askSteadily, percentile, type Steady } from './steady-client.ts';

/** What one of them saw. */
export interface Seen {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
  /** Answers by response code. */
  readonly rcodes: Readonly<Record<string, number>>;
}

const [port, seconds] = process.argv.slice(2).map(Number);

const [hits, misses] = await Promise.all([
  askSteadily({
    ...{ address: '127.0.0.3', port, seconds, perSecond: 400 },
    name: (i) => `n${i % 100}.test`,
  }),
  askSteadily({
    ...{ address: '127.0.0.4', port, seconds, perSecond: 50 },
    name: () => `m${process.hrtime.bigint()}.test`,
  }),
]);
console.log(JSON.stringify({ hits: summary(hits), misses: summary(misses) }));

function summary({ latenciesMs, lost, rcodes }: Steady): Seen {
  const [p50Ms, p99Ms] = [50, 99].map((percent) => percentile(latenciesMs, percent));
  return { p50Ms, p99Ms, lost, rcodes };
}
