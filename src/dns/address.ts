/** IP addresses as the data of A and AAAA records (RFC 1035 §3.4.1, RFC 3596 §2.2). */
import { isIPv4, isIPv6 } from 'node:net';
import { readUint16 } from './header.ts';

/** The 4 or 16 octets of an address in text form, a zone (`%eth0`) ignored; null when it is none. */
export function addressOctets(text: string): Buffer | null {
  const [address] = text.split('%', 1);
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address)) return null;
  const [head, tail] = address.split('::');
  const front = groupOctets(head);
  const back = groupOctets(tail ?? '');
  return Buffer.concat([front, Buffer.alloc(16 - front.length - back.length), back]);
}

/** An address of 4 or 16 octets as text; IPv6 in the short form of RFC 5952. */
export function addressText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => readUint16(octets, 2 * i));
  const [start, length] = longestZeroRun(groups);
  // RFC 5952 §5: an address that is known to hold an IPv4 address is shown with it.
  if (start === 0 && length === 5 && groups[5] === 0xffff) {
    return `::ffff:${octets.slice(12).join('.')}`;
  }
  const words = groups.map((group) => group.toString(16));
  // RFC 5952 §4.2.2: "The symbol "::" MUST NOT be used to shorten just one 16-bit 0 field."
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}

/** The octets of groups between colons; the last may be an IPv4 address (RFC 4291 §2.2). */
function groupOctets(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  const groups = text.split(':').map((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return Buffer.from(groups.flat());
}

/** Start and length of the longest run of zeros, the first of equals (RFC 5952 §4.2.3). */
function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}
