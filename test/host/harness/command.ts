/** Runs programs for the tests, and finds out what this machine can do. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The Node.js that the project pins. */
export const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;

/** Looks start programs, which slow down what is waited for where one processor has to do it all. */
const POLL_MS = process.env.HOST_TEST_SLOWNESS === undefined ? 20 : 1000;

/** Runs a program and gives its standard output; throws what it said when it does not exit with 0. */
export function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? `${status}: ${stderr}`}`);
}

/** Whether a program starts and exits with 0. */
export function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Repeats `look` until it gives something; throws with `what` when it never does (later where all is slow). */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 30_000,
): Promise<NonNullable<T>> {
  const endMs = performance.now() + deadlineMs * slowness;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found as NonNullable<T>;
    if (performance.now() > endMs)
      throw new Error(`waited ${deadlineMs * slowness} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The programs of iptables that the machine's kernel serves: `nft`, else `legacy`. */
export const iptablesKind: 'nft' | 'legacy' = succeeds('iptables-nft', '-S') ? 'nft' : 'legacy';

/**
 * Whether this is the kernel of uml.sh, with its dummy driver, legacy iptables and no nftables. What
 * is not run there is listed in uml.sh with the reasons.
 */
export const isUml = readFileSync('/proc/cpuinfo', 'utf8').includes('User Mode Linux');

/**
 * How much longer everything takes than on a machine of its own. Waits, and the bounds that are
 * stated in time, grow by it, among them the lease and the driver's deadline of the probe that it depends on.
 */
export const slowness = Number(process.env.HOST_TEST_SLOWNESS ?? 1);

/** The lease that the daemon is given: its default, times the slowness. */
export const LEASE_MS = 2000 * slowness;

/** How many queries per second stand for a load of `perSecond`: far fewer where all is slow. */
export function loadOf(perSecond: number): number {
  return slowness === 1 ? perSecond : Math.round(perSecond / (10 * slowness));
}
