/** Runs programs for the tests, and finds out what this machine can do. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The Node.js that the project pins. */
export const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;

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

/** Repeats `look` until it gives something; throws with `what` when it never does (later in UML). */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 15_000,
): Promise<NonNullable<T>> {
  const endMs = performance.now() + deadlineMs * (isUml ? 4 : 1);
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found as NonNullable<T>;
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The programs of iptables that the machine's kernel serves: `nft`, else `legacy`. */
export const iptablesKind: 'nft' | 'legacy' = succeeds('iptables-nft', '-S') ? 'nft' : 'legacy';

/**
 * Whether this is the kernel of uml.sh. It is ten times slower, so tests that have nothing to learn
 * from its dummy driver and legacy iptables run outside only, and loads are lighter.
 */
export const isUml = readFileSync('/proc/cpuinfo', 'utf8').includes('User Mode Linux');
