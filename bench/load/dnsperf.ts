/** Runs dnsperf and reads what it reports. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LOAD_CORE } from './process.ts';

export interface LoadOptions {
  readonly port: number;
  /** A file of `name TYPE` lines. */
  readonly queries: string;
  /** Runs through the file this often; without it, for `seconds`. */
  readonly rounds?: number;
  readonly seconds?: number;
  readonly clients?: number;
  /** Queries in flight. */
  readonly outstanding?: number;
  readonly perSecond?: number;
  readonly transport?: 'udp' | 'tcp';
  readonly edns?: boolean;
  /** Report the latency of every query. */
  readonly latencies?: boolean;
}

export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly perSecond: number;
  /** In microseconds, ascending; empty unless asked for. */
  readonly latenciesUs: readonly number[];
}

const run = promisify(execFile);
const TCP_ONCE = new URL('tcp-once.ts', import.meta.url).pathname;
/** Room for a line for each query of a latency run. */
const MAX_OUTPUT_OCTETS = 1 << 28;

export async function load(options: LoadOptions): Promise<LoadResult> {
  const args = ['-c', `${LOAD_CORE}`, 'dnsperf', ...argumentsFor(options)];
  const { stdout } = await run('taskset', args, { maxBuffer: MAX_OUTPUT_OCTETS });
  const count = (label: string) =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(stdout)?.[1] ?? 0);
  const latenciesUs = [...stdout.matchAll(/^> [A-Z]+ \S+ \S+ ([\d.]+)$/gm)]
    .map(([, seconds]) => Number(seconds) * 1e6)
    .sort((a, b) => a - b);
  return {
    sent: count('Queries sent'),
    answered: count('Queries completed'),
    lost: count('Queries lost'),
    perSecond: count('Queries per second'),
    latenciesUs,
  };
}

/** Runs clients that ask one question on each connection (tcp-once.ts). */
export async function loadOnce(
  port: number,
  queries: string,
  seconds: number,
): Promise<LoadResult> {
  const args = ['-c', `${LOAD_CORE}`, process.execPath, TCP_ONCE, `${port}`, queries, `${seconds}`];
  const { stdout } = await run('taskset', args);
  const result: { sent: number; answered: number; seconds: number } = JSON.parse(stdout);
  return {
    sent: result.sent,
    answered: result.answered,
    lost: result.sent - result.answered,
    perSecond: result.answered / result.seconds,
    latenciesUs: [],
  };
}

function argumentsFor(options: LoadOptions): string[] {
  const args = ['-s', '127.0.0.1', '-p', `${options.port}`, '-d', options.queries, '-t', '3'];
  args.push('-c', `${options.clients ?? 8}`, '-q', `${options.outstanding ?? 400}`);
  args.push('-m', options.transport ?? 'udp');
  if (options.rounds !== undefined) args.push('-n', `${options.rounds}`);
  if (options.seconds !== undefined) args.push('-l', `${options.seconds}`);
  if (options.perSecond !== undefined) args.push('-Q', `${options.perSecond}`);
  if (options.edns) args.push('-e');
  if (options.latencies) args.push('-v');
  return args;
}

/** The value below which `percent` of ascending values lie. */
export function percentile(ascending: readonly number[], percent: number): number {
  const index = Math.ceil((percent / 100) * ascending.length) - 1;
  return ascending[Math.max(0, index)] ?? Number.NaN;
}
