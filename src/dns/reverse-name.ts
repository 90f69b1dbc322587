/** Names under which the names of addresses are found (RFC 1035 §3.5, RFC 3596 §2.5). */
import { addressOctets } from './address.ts';

/** `4.3.2.1.in-addr.arpa.` */
const IPV4_NAME = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa\.$/;
/** 32 hexadecimal digits, the last one first. */
const IPV6_NAME = /^((?:[0-9a-f]\.){32})ip6\.arpa\.$/;

/** The octets of the address that a name in lower case stands for; null when it stands for none. */
export function addressFromReverseName(name: string): Buffer | null {
  const ipv4 = IPV4_NAME.exec(name);
  if (ipv4 !== null) return addressOctets(ipv4.slice(1).reverse().join('.'));
  const ipv6 = IPV6_NAME.exec(name);
  if (ipv6 === null) return null;
  return Buffer.from([...ipv6[1].replaceAll('.', '')].reverse().join(''), 'hex');
}
