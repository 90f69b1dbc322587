/**
 * Socket addresses as the kernel writes them, and as text.
 *
 *   sockaddr_in   | family 2 | port 2, network order | address 4 | zeros 8 |
 *   sockaddr_in6  | family 2 | port 2, network order | flow 4 | address 16 | scope 4 |
 */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
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

/** Where we listen: `''` is the wildcard address, a link-local IPv6 address has its `%zone`. */
export function encodeSocketAddress(address: string, port: number): Buffer {
  const [host, zone = ''] = address.split('%');
  if (isIPv4(host)) {
    const name = Buffer.alloc(NAME_LENGTH_V4);
    name.writeUInt16LE(AF_INET, 0);
    name.writeUInt16BE(port, 2);
    parseIPv4(host).copy(name, 4);
    return name;
  }
  if (host !== '' && !isIPv6(host)) throw new TypeError(`"${address}" is not an IP address`);
  const name = Buffer.alloc(NAME_LENGTH_V6);
  name.writeUInt16LE(AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  if (host !== '') parseIPv6(host).copy(name, 8);
  name.writeUInt32LE(scopeOf(zone), 24);
  return name;
}

/** Reads a sockaddr_in or sockaddr_in6 as the kernel wrote it. */
export function decodeSocketAddress(name: Buffer): Endpoint {
  const port = name.readUInt16BE(2);
  if (name.readUInt16LE(0) === AF_INET) {
    return { family: 4, address: formatIPv4(name, 4), port };
  }
  return { ...decodeAddress6(name.subarray(8, 24)), port };
}

/** The text of sixteen octets; IPv4 where they are a mapped address. */
export function decodeAddress6(octets: Buffer): { family: 4 | 6; address: string } {
  if (octets.compare(MAPPED_PREFIX, 0, 12, 0, 12) === 0) {
    return { family: 4, address: formatIPv4(octets, 12) };
  }
  return { family: 6, address: formatIPv6(octets) };
}

/** The text of the four octets at `at`. */
export function formatIPv4(octets: Buffer, at: number): string {
  return `${octets[at]}.${octets[at + 1]}.${octets[at + 2]}.${octets[at + 3]}`;
}

/** The shortest form, lower case (RFC 5952 §4). */
function formatIPv6(octets: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16));
  // RFC 5952 §4.2.3: "the longest run of consecutive 16-bit 0 fields MUST be shortened", the first
  // of equals; §4.2.2: not a single one.
  const runs = groups.join(':').matchAll(/(?<![^:])0(?::0)+(?![^:])/g);
  const longest = [...runs].reduce(
    (best, run) => (run[0].length > best.length ? run[0] : best),
    '',
  );
  if (longest === '') return groups.join(':');
  const [head, ...tail] = splitOnce(`:${groups.join(':')}:`, `:${longest}:`);
  return `${head.replace(/^:/, '')}::${tail.join('').replace(/:$/, '')}`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}

function parseIPv4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

/** `text` is known to be an IPv6 address without a zone. */
function parseIPv6(text: string): Buffer {
  const octets = Buffer.alloc(16);
  const [head, tail] = text.split('::').map(groupOctets);
  head.copy(octets, 0);
  tail?.copy(octets, 16 - tail.length);
  return octets;
}

/** The octets of colon-separated groups, the last of which may be an IPv4 address. */
function groupOctets(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  const parts = text
    .split(':')
    .map((group) =>
      group.includes('.') ? parseIPv4(group) : Buffer.from(group.padStart(4, '0'), 'hex'),
    );
  return Buffer.concat(parts);
}

/** The interface number of a zone, which is a number or an interface's name; 0 for none. */
function scopeOf(zone: string): number {
  if (zone === '' || /^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find((entry) => entry.family === 'IPv6');
  if (found?.scopeid === undefined) throw new TypeError(`"${zone}" is not a network interface`);
  return found.scopeid;
}
