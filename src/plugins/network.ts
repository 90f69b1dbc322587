/** Networks of IP addresses. */
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { addressOctets } from '../dns/address.ts';

/** The addresses whose first `bits` bits are those of `octets`. */
export interface Network {
  /** 4 or 16. */
  readonly octets: Buffer;
  readonly bits: number;
}

/** Reads `10.0.0.0/8` or `fd00::/8`. Throws CorefileError. */
export function readNetwork(word: Token): Network {
  const [, address, bits] = /^(.+)\/(\d{1,3})$/.exec(word.text) ?? [];
  const octets = address === undefined ? null : addressOctets(address);
  if (octets !== null && Number(bits) <= 8 * octets.length) return { octets, bits: Number(bits) };
  const message = `"${word.text}" is not a network such as 10.0.0.0/8`;
  throw new CorefileError('argument-value', message, word);
}

/** Whether an address, as octets, lies in a network. */
export function isWithin({ octets, bits }: Network, address: Uint8Array): boolean {
  if (address.length !== octets.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== octets[i]) return false;
  const mask = 0xff00 >> (bits & 7);
  return (((address[whole] ?? 0) ^ (octets[whole] ?? 0)) & mask & 0xff) === 0;
}
