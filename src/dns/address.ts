/** IP addresses as the data of A and AAAA records (RFC 1035 §3.4.1, RFC 3596 §2.2). */
import { isIPv4, isIPv6 } from 'node:net';

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
