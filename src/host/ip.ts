/** IP addresses as netlink and /proc want them. */
import { isIPv4, SocketAddress } from 'node:net';

/** Address families, numbered as the kernel does (AF_INET, AF_INET6). */
export const FAMILY_V4 = 2;
export const FAMILY_V6 = 10;
export type Family = typeof FAMILY_V4 | typeof FAMILY_V6;

export function familyOf(ip: string): Family {
  return isIPv4(ip) ? FAMILY_V4 : FAMILY_V6;
}

/** The one text form of an address: `FD00:0::1` becomes `fd00::1`. Throws on anything else. */
export function canonicalIp(ip: string): string {
  return new SocketAddress({ address: ip, family: isIPv4(ip) ? 'ipv4' : 'ipv6' }).address;
}

/** The 4 or 16 octets of a valid address. */
export function ipOctets(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  const [head, tail] = canonicalIp(ip).split('::');
  const front = groups(head);
  const back = groups(tail ?? '');
  return Buffer.concat([front, Buffer.alloc(16 - front.length - back.length), back]);
}

/** The text of 4 or 16 octets. */
export function ipText(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.');
  const words: string[] = [];
  for (let i = 0; i < 16; i += 2) words.push(octets.readUInt16BE(i).toString(16));
  return canonicalIp(words.join(':'));
}

/** Whether the address is link-local: no cluster service can have it. */
export function isLinkLocal(ip: string): boolean {
  const [first, second] = ipOctets(ip);
  // RFC 3927: 169.254/16; RFC 4291 §2.5.6: fe80::/10.
  return isIPv4(ip) ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80;
}

/** `ip:port`, with brackets around IPv6. */
export function endpointText(ip: string, port: number): string {
  return isIPv4(ip) ? `${ip}:${port}` : `[${ip}]:${port}`;
}

/** The octets of colon-separated groups; a dotted IPv4 tail counts as two groups. */
function groups(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  return Buffer.concat(
    text.split(':').map((group) => {
      if (group.includes('.')) return Buffer.from(group.split('.').map(Number));
      const word = Number.parseInt(group, 16);
      return Buffer.from([word >> 8, word & 0xff]);
    }),
  );
}
