/**
 * Letters of a name as more bits that a forged answer has to guess: servers repeat a
 * question octet for octet, so its letters come back as they were sent (`randomize_case`;
 * draft-vixie-dnsext-dns0x20).
 */
import { HEADER_LENGTH, readUint16 } from '../dns/header.ts';
import { skipName } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { random16 } from './random.ts';

/** A copy of the query's message with each letter of its name large or small by chance. */
export function shuffleLetters({ wire, questionEnd }: Query): Buffer {
  const copy = Buffer.from(wire);
  let bits = 0;
  let left = 0;
  for (let at = HEADER_LENGTH; at < questionEnd - 4; at++) {
    if (!isLetter(copy[at])) continue;
    if (left === 0) {
      bits = random16();
      left = 16;
    }
    copy[at] ^= (bits & 1) << 5;
    bits >>= 1;
    left--;
  }
  return copy;
}

/**
 * Gives the client's letters back to the question of `reply`, and to records that spell out its
 * name. `asked` is the message as `shuffleLetters` made it.
 */
export function restoreLetters(reply: Buffer, asked: Buffer, { wire, questionEnd }: Query): void {
  const nameEnd = questionEnd - 4;
  let left = readUint16(reply, 6) + readUint16(reply, 8) + readUint16(reply, 10);
  wire.copy(reply, HEADER_LENGTH, HEADER_LENGTH, nameEnd);
  let at = questionEnd;
  for (; left > 0; left--) {
    const end = skipName(reply, at, reply.length);
    // Malformed: whoever reads the records will see it.
    if (end < 0 || end + 10 > reply.length) return;
    const isSame = reply.compare(asked, HEADER_LENGTH, nameEnd, at, end) === 0;
    if (isSame) wire.copy(reply, at, HEADER_LENGTH, nameEnd);
    at = end + 10 + readUint16(reply, end + 8);
  }
}

/** Length octets of labels are below the letters. */
export function isLetter(octet: number): boolean {
  const small = octet | 0x20;
  return small >= 0x61 && small <= 0x7a;
}
