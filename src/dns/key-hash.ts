/**
 * A hash of cache keys that nobody outside can foresee: a pod that could choose names with equal ones would make
 * each look-up walk through all of them.
 *
 * Each octet stands for a random number, so there are no two keys of which it is known that they
 * collide. Two halves take turns, so that the processor need not wait for one multiplication to begin the next.
 */
import { randomFillSync } from 'node:crypto';

/** What each octet stands for. */
const NUMBERS = randomFillSync(new Int32Array(256));

/** Odd numbers whose products spread over all bits: 2³² divided by the golden ratio, and one of MurmurHash3. */
const EVEN_FACTOR = 0x9e3779b1;
const ODD_FACTOR = 0x85ebca6b;

/** Of `octets[0..length)`: 32 bits. */
export function hashOctets(octets: Uint8Array, length: number): number {
  let even = length;
  let odd = length;
  const pairsEnd = length & ~1;
  for (let i = 0; i < pairsEnd; i += 2) {
    even = Math.imul(even ^ NUMBERS[octets[i]], EVEN_FACTOR);
    odd = Math.imul(odd ^ NUMBERS[octets[i + 1]], ODD_FACTOR);
  }
  if (pairsEnd !== length) even = Math.imul(even ^ NUMBERS[octets[pairsEnd]], EVEN_FACTOR);
  return joined(even, odd);
}

/** The same of a text with one character per octet. */
export function hashText(text: string): number {
  let even = text.length;
  let odd = text.length;
  for (let i = 0; i < text.length; i++) {
    const number = NUMBERS[text.charCodeAt(i)];
    if ((i & 1) === 0) even = Math.imul(even ^ number, EVEN_FACTOR);
    else odd = Math.imul(odd ^ number, ODD_FACTOR);
  }
  return joined(even, odd);
}

/** The upper bits, which the products mix best, come to bear on the lower ones, by which tables are read. */
function joined(even: number, odd: number): number {
  const mixed = Math.imul(even ^ (odd >>> 16) ^ (odd << 16), EVEN_FACTOR);
  return mixed ^ (mixed >>> 16);
}
