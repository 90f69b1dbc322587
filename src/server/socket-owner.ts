/** Who holds an address, as far as /proc tells: for error messages and for take-overs. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { encodeSocketAddress } from '../sockets/socket-address.ts';

/** An address and port over one transport. */
interface Address {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
}

/** `TCP_LISTEN` (10) and, for UDP, `TCP_CLOSE` (7): the states of sockets that take from anyone. */
const STATES: Readonly<Record<Address['transport'], string>> = { tcp: '0A', udp: '07' };

/** The inodes of all sockets in this network namespace that are bound to exactly this address. */
export function listSockets({ transport, address, port }: Address): string[] {
  const name = encodeSocketAddress(address, port);
  const isV4 = name.length === 16;
  const local = `${hexWords(isV4 ? name.subarray(4, 8) : name.subarray(8, 24))}:${name.subarray(2, 4).toString('hex').toUpperCase()}`;
  const table = readTable(`/proc/net/${transport}${isV4 ? '' : '6'}`);
  return table
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === local && fields[3] === STATES[transport])
    .map((fields) => fields[9]);
}

/**
 * A process that holds the address, or the wildcard address of its port: `"dnsmasq", process 812`.
 * Null when it lies in another PID namespace or is not ours to look at.
 */
export function findOwner(target: Address): string | null {
  const wildcards = ['0.0.0.0', '::'].map((address) => ({ ...target, address }));
  const inodes = [target, ...wildcards].flatMap(listSockets);
  if (inodes.length === 0) return null;
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pid = readFolder('/proc')
    .filter((entry) => /^\d+$/.test(entry) && entry !== String(process.pid))
    .find((entry) => holdsAny(entry, links));
  if (pid === undefined) return null;
  return `"${readTable(`/proc/${pid}/comm`)[0]}", process ${pid}`;
}

function holdsAny(pid: string, links: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  return readFolder(folder).some((fd) => {
    try {
      return links.has(readlinkSync(`${folder}/${fd}`));
    } catch {
      // Closed in the meantime.
      return false;
    }
  });
}

/** The kernel prints addresses as 32-bit words in the machine's order, which is little-endian. */
function hexWords(octets: Buffer): string {
  return Buffer.from(octets).swap32().toString('hex').toUpperCase();
}

function readTable(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function readFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
