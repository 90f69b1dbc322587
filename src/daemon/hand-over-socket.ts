/**
 * Where instances on one node find each other: abstract unix sockets, which all pods on the host's
 * network share without a volume, and which are gone with their process.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { DaemonFlags } from '../cli/flags.ts';
import { listeningNames } from '../sockets/abstract-socket.ts';

export type Whereabouts = Pick<DaemonFlags, 'localAddresses' | 'dnsPort'>;

/**
 * A name for a socket of ours, `nodelocaldns-WHERE-TIME-RANDOM`: instances with the same addresses
 * agree on WHERE, the kernel keeps network namespaces apart, and none has to wait for the name of
 * another to become free.
 */
export function newSocketName(where: Whereabouts): string {
  const time = Date.now().toString().padStart(TIME_DIGITS, '0');
  return `${namePrefix(where)}${time}-${randomBytes(4).toString('hex')}`;
}

/** The name of the youngest instance's socket; null when there is none. Never rejects. */
export async function findSocketName(where: Whereabouts): Promise<string | null> {
  const names = await listeningNames(namePrefix(where));
  return names.at(-1) ?? null;
}

/** Digits of Unix time in milliseconds, so that names sort by it. */
const TIME_DIGITS = 14;

function namePrefix({ localAddresses, dnsPort }: Whereabouts): string {
  const text = [...localAddresses].sort().join() + dnsPort;
  return `nodelocaldns-${createHash('sha256').update(text).digest('hex').slice(0, 16)}-`;
}
