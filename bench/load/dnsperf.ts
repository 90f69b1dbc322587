/** Runs dnsperf and reads what it reports. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

export async function load(options: LoadOptions): Promise<LoadResult> {
  const stdout = await dnsperf(argumentsFor(options));
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

/**
 * Runs dnsperf and gives what it printed. It prints into a file: behind a pipe it would wait, with its
 * queries, for us to read a line for each of them, on the very cores that are measured.
 */
async function dnsperf(args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-dnsperf-'));
  const path = join(folder, 'output');
  const output = openSync(path, 'w');
  try {
    const command = ['-c', `${LOAD_CORE}`, 'dnsperf', ...args];
    const child = spawn('taskset', command, { stdio: ['ignore', output, 'inherit'] });
    const [status] = await once(child, 'exit');
    if (status !== 0) throw new Error(`dnsperf ended with ${status}`);
    return readFileSync(path, 'utf8');
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true });
  }
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
