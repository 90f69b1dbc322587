/** Whether a predecessor or successor lives on our addresses, from the sockets in /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { FAMILY_V4, familyOf, ipOctets } from './ip.ts';

/** Whether a process other than this one has a UDP socket bound to exactly this address and port. */
export function hasOtherOwner(ip: string, port: number): boolean {
  const inodes = boundInodes(ip, port);
  if (inodes.length === 0) return false;
  const own = new Set(ownInodes());
  return inodes.some((inode) => !own.has(inode));
}

/** Inodes of the UDP sockets bound to an address and port in this network namespace. */
function boundInodes(ip: string, port: number): string[] {
  const file = familyOf(ip) === FAMILY_V4 ? 'udp' : 'udp6';
  const wanted = `${procAddress(ip)}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes: string[] = [];
  for (const line of readText(`/proc/self/net/${file}`).split('\n').slice(1)) {
    const [, local, , , , , , , , inode] = line.trim().split(/\s+/);
    if (local === wanted) inodes.push(inode);
  }
  return inodes;
}

/** The address as /proc/net shows it: 32-bit words in the byte order of the machine. */
function procAddress(ip: string): string {
  const octets = ipOctets(ip);
  let text = '';
  for (let i = 0; i < octets.length; i += 4) {
    text += octets.readUInt32LE(i).toString(16).padStart(8, '0');
  }
  return text.toUpperCase();
}

/** Inodes of this process's sockets. */
function ownInodes(): string[] {
  const folder = '/proc/self/fd';
  return readdirSync(folder)
    .map((descriptor) => readSocketInode(`${folder}/${descriptor}`))
    .filter((inode) => inode !== null);
}

function readSocketInode(path: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? null;
  } catch {
    return null;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
