/**
 * Socket addresses as the kernel writes them, and as text.
 *
 *   sockaddr_in   | family 2 | port 2, network order | address 4 | zeros 8 |
 *   sockaddr_in6  | family 2 | port 2, network order | flow 4 | address 16 | scope 4 |
 */
import { networkInterfaces } from 'node:os';
import { addressOctets, addressText } from '../dns/address.ts';
import { AF_INET, AF_INET6 } from './libc.ts';

/** Octets of a sockaddr_in and of a sockaddr_in6. */
export const NAME_LENGTH_V4 = 16;
export const NAME_LENGTH_V6 = 28;

/** ::ffff:0:0/96, the IPv4 addresses as an IPv6 socket sees them (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

/** An address of a socket in words. */
export interface Endpoint {
  /** An IPv4 address seen by an IPv6 socket counts as IPv4. */
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
}

/**
 * Where we listen: `''` is the wildcard address, a link-local IPv6 address has its `%zone`. Throws
 * TypeError for what is no address.
 */
export function encodeSocketAddress(address: string, port: number): Buffer {
  const octets = address === '' ? Buffer.alloc(16) : addressOctets(address);
  if (octets === null) throw new TypeError(`"${address}" is not an IP address`);
  const isV4 = octets.length === 4;
  const name = Buffer.alloc(isV4 ? NAME_LENGTH_V4 : NAME_LENGTH_V6);
  name.writeUInt16LE(isV4 ? AF_INET : AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  octets.copy(name, isV4 ? 4 : 8);
  if (!isV4) name.writeUInt32LE(scopeOf(address), 24);
  return name;
}

/** Reads a sockaddr_in or sockaddr_in6 as the kernel wrote it. */
export function decodeSocketAddress(name: Buffer): Endpoint {
  const octets = name.readUInt16LE(0) === AF_INET ? name.subarray(4, 8) : name.subarray(8, 24);
  return { ...decodeAddress(octets), port: name.readUInt16BE(2) };
}

/** A sockaddr kept as latin1 text, read. */
export function endpointOfName(name: string): Endpoint {
  const address = addressOfName(name);
  const port = (name.charCodeAt(2) << 8) | name.charCodeAt(3);
  return { family: address.includes(':') ? 6 : 4, address, port };
}

/** The address in a sockaddr kept as latin1 text; a mapped address as IPv4. */
export function addressOfName(name: string): string {
  const octets = name.length === NAME_LENGTH_V4 ? name.slice(4, 8) : name.slice(8, 24);
  let text = knownAddresses.get(octets);
  if (text !== undefined) return text;
  text = decodeAddress(Buffer.from(octets, 'latin1')).address;
  if (knownAddresses.size === MAX_KNOWN) knownAddresses.clear();
  knownAddresses.set(octets, text);
  return text;
}

/** More addresses than a node has pods. */
const MAX_KNOWN = 1024;
/** Each query that is no hit needs its client's address as text. BOUNDED by MAX_KNOWN. */
const knownAddresses = new Map<string, string>();

/** The family of the sockaddr of `length` octets at `at`; a mapped address counts as IPv4. */
export function familyOf(octets: Buffer, at: number, length: number): 4 | 6 {
  if (length === NAME_LENGTH_V4) return 4;
  for (let i = 0; i < MAPPED_PREFIX.length; i++) {
    if (octets[at + 8 + i] !== MAPPED_PREFIX[i]) return 6;
  }
  return 4;
}

/** The text of 4 or 16 octets; a mapped address becomes IPv4. */
export function decodeAddress(octets: Buffer): { family: 4 | 6; address: string } {
  const isMapped = octets.length === 16 && octets.compare(MAPPED_PREFIX, 0, 12, 0, 12) === 0;
  const plain = isMapped ? octets.subarray(12) : octets;
  return { family: plain.length === 4 ? 4 : 6, address: addressText(plain) };
}

/** The interface number of an address's zone, which is a number or a name; 0 without. */
function scopeOf(address: string): number {
  const [, zone = ''] = address.split('%');
  if (/^\d*$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find((entry) => entry.family === 'IPv6');
  if (found?.scopeid === undefined) throw new TypeError(`"${zone}" is not a network interface`);
  return found.scopeid;
}
