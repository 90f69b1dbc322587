/**
 * Where instances on one node find each other: abstract unix sockets, which all pods on the host's
 * network share without a volume, and which are gone with their process.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { DaemonFlags } from '../cli/flags.ts';
import { loadLibc, SO_PEERCRED, SOL_SOCKET } from '../sockets/libc.ts';

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
  const prefix = `@${namePrefix(where)}`;
  // In this table `@` stands for the zero octet that abstract names begin with.
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  const names = table
    .split('\n')
    .filter((line) => isListening(line))
    .map((line) => line.slice(line.lastIndexOf(' ') + 1))
    .filter((name) => name.startsWith(prefix));
  return names.sort().at(-1)?.slice(1) ?? null;
}

/** Digits of Unix time in milliseconds, so that names sort by it. */
const TIME_DIGITS = 14;
/** Octets of a struct ucred (process, user, group; 32 bits each), and where its user stands. */
const UCRED_LENGTH = 12;
const UCRED_USER = 4;
/** `__SO_ACCEPTCON` in the flags column of /proc/net/unix. */
const ACCEPTS = '00010000';

function namePrefix({ localAddresses, dnsPort }: Whereabouts): string {
  const text = [...localAddresses].sort().join() + dnsPort;
  return `nodelocaldns-${createHash('sha256').update(text).digest('hex').slice(0, 16)}-`;
}

function isListening(line: string): boolean {
  return line.split(' ', 4)[3] === ACCEPTS;
}

/**
 * Whether the process at the other end runs as root or as our own user: anyone on the host's network
 * can make a socket of this name. False when the kernel cannot be asked.
 */
export function isTrusted(socket: Socket): boolean {
  const { libc } = loadLibc();
  const fd = descriptorOf(socket);
  if (libc === null || fd < 0) return false;
  const credentials = Buffer.alloc(UCRED_LENGTH);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(UCRED_LENGTH);
  if (libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) < 0) return false;
  const user = credentials.readUInt32LE(UCRED_USER);
  return user === 0 || user === process.getuid?.();
}

/** Node has no public way to a socket's descriptor. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  return handle?.fd ?? -1;
}
