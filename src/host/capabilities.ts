/** What this process may do (capabilities(7)). */
import { readFileSync } from 'node:fs';

/** linux/capability.h. */
export const CAP_NET_ADMIN = 12;
export const CAP_NET_RAW = 13;

/** Whether a capability is in force, by the text of /proc/PID/status. */
export function hasCapability(
  capability: number,
  status = readFileSync('/proc/self/status', 'utf8'),
): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n;
}
