/** IPv4 addresses within IPv6 addresses (RFC 6052 §2.2). */
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { addressOctets } from '../dns/address.ts';

/** Where translated addresses lie. */
export interface Dns64Prefix {
  /** 16, those behind the prefix 0. */
  readonly octets: Buffer;
  /** Octets of the prefix: 4, 5, 6, 7, 8 or 12; 9, 10 and 11, too, as in CoreDNS. */
  readonly length: number;
}

/** RFC 6052 §2.1: the Well-Known Prefix, 64:ff9b::/96. */
export const DEFAULT_PREFIX: Dns64Prefix = Object.freeze({
  octets: Buffer.from('0064ff9b000000000000000000000000', 'hex'),
  length: 12,
});

/** RFC 6052 §2.2: bits 64 to 71 of an address are reserved and 0. */
const RESERVED_OCTET = 8;

/** Reads a prefix of 32 to 96 bits, a multiple of 8. Throws CorefileError. */
export function readDns64Prefix(word: Token): Dns64Prefix {
  const [, address, bits] = /^(.*:.*)\/(\d{1,3})$/.exec(word.text) ?? [];
  const octets = address === undefined ? null : addressOctets(address);
  const length = Number(bits) / 8;
  if (octets === null || Number(bits) > 128) {
    const message = `"${word.text}" is not an IPv6 prefix such as 64:ff9b::/96`;
    throw new CorefileError('argument-value', message, word);
  }
  if (!Number.isInteger(length) || length < 4 || length > 12) {
    const message = `"${word.text}" is not of 32 to 96 bits, a multiple of 8`;
    throw new CorefileError('argument-value', message, word);
  }
  return Object.freeze({ octets: octets.fill(0, length), length });
}

/** The IPv6 address that stands for an IPv4 address: both as octets. */
export function embed({ octets, length }: Dns64Prefix, address: Uint8Array): Buffer {
  const embedded = Buffer.from(octets);
  let at = length;
  for (const octet of address) {
    if (at === RESERVED_OCTET) at++;
    embedded[at++] = octet;
  }
  return embedded;
}
