/**
 * Who else has sockets on an address of ours, from /proc: a predecessor or successor that lives, or
 * a stranger whom an error message should name.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { FAMILY_V4, familyOf, ipOctets } from './ip.ts';

export type Transport = 'udp' | 'tcp';

/** The state column of a listening TCP socket in /proc/net/tcp. */
const TCP_LISTEN = '0A';

/** Whether a process other than this one has a socket bound to exactly this address and port. */
export function hasOtherOwner(ip: string, port: number, transport: Transport = 'udp'): boolean {
  const own = ownInodes();
  return boundInodes(ip, port, transport, false).some((inode) => !own.has(inode));
}

/**
 * Who holds an address and port, wildcard listeners included, for an error message.
 *
 * @returns such as `dnsmasq (process 812)`; null when nobody else does
 */
export function describeOwner(ip: string, port: number, transport: Transport): string | null {
  const own = ownInodes();
  const inodes = boundInodes(ip, port, transport, true).filter((inode) => !own.has(inode));
  if (inodes.length === 0) return null;
  for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!socketInodes(process).some((inode) => inodes.includes(inode))) continue;
    return `${readText(`/proc/${process}/comm`).trim()} (process ${process})`;
  }
  return 'a process outside this container';
}

/** Inodes of the sockets bound to an address and port in this network namespace. */
function boundInodes(
  ip: string,
  port: number,
  transport: Transport,
  withWildcards: boolean,
): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const isV4 = familyOf(ip) === FAMILY_V4;
  const inodes: string[] = [];
  const collect = (file: string, addresses: readonly string[]): void => {
    const ends = addresses.map((address) => address + suffix);
    for (const line of readText(`/proc/self/net/${file}`).split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (transport === 'tcp' && state !== TCP_LISTEN) continue;
      if (local !== undefined && inode !== undefined && ends.includes(local)) inodes.push(inode);
    }
  };
  const anyV4 = withWildcards ? ['00000000'] : [];
  const anyV6 = withWildcards ? ['0'.repeat(32)] : [];
  if (isV4) collect(transport, [procAddress(ip), ...anyV4]);
  collect(`${transport}6`, isV4 ? anyV6 : [procAddress(ip), ...anyV6]);
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

function ownInodes(): Set<string> {
  return new Set(socketInodes('self'));
}

/** Inodes of a process's sockets; none when we may not look. */
function socketInodes(process: string): string[] {
  const folder = `/proc/${process}/fd`;
  const inodes: string[] = [];
  try {
    for (const descriptor of readdirSync(folder)) {
      const inode = readSocketInode(`${folder}/${descriptor}`);
      if (inode !== null) inodes.push(inode);
    }
  } catch {
    // Ended meanwhile, or not ours to look into.
  }
  return inodes;
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
