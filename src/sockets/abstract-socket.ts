/**
 * Abstract unix sockets: names that all processes of one network namespace share, without a file,
 * and that are gone with their process.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { descriptorOf } from './descriptor.ts';
import { loadLibc, SO_PEERCRED, SOL_SOCKET } from './libc.ts';

/** Octets of a struct ucred (process, user, group; 32 bits each), and where its user stands. */
const UCRED_LENGTH = 12;
const UCRED_USER = 4;
/** `__SO_ACCEPTCON` in the flags column of /proc/net/unix. */
const ACCEPTS = '00010000';

/** Names that begin with `prefix` and take connections, in the order of their text. Never rejects. */
export async function listeningNames(prefix: string): Promise<string[]> {
  // In this table `@` stands for the zero octet that abstract names begin with.
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  return table
    .split('\n')
    .filter((line) => line.split(' ', 4)[3] === ACCEPTS)
    .map((line) => line.slice(line.lastIndexOf(' ') + 1))
    .filter((name) => name.startsWith(`@${prefix}`))
    .map((name) => name.slice(1))
    .sort();
}

/**
 * Whether the process at the other end runs as root or as our own user: anyone on the host's network
 * can make a socket of any name. False when the kernel cannot be asked.
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
