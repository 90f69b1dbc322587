/**
 * Writes replies into the buffer the query lies in, over everything behind the question.
 *
 *   before  | header | question | the client's records, OPT among them |
 *   after   | header | question | answer's records … | OPT |
 *
 * The question stays where it is, so it keeps the client's letter case, and so do all names of the
 * answer that point to it.
 */
import type { Answer } from './answer.ts';
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_LENGTH,
  OPCODE_MASK,
  RCODE_BADVERS,
  RCODE_MASK,
  RCODE_SERVFAIL,
  writeUint16,
  writeUint32,
} from './header.ts';
import { TYPE_OPT } from './type.ts';

/** Octets of an OPT record without options (RFC 6891 §6.1.2). */
export const OPT_LENGTH = 11;
/** The reply does not fit: the caller must cut it (truncate.ts) or use a larger buffer. */
export const DOES_NOT_FIT = -1;

/** What a reply takes from the query: a QueryView on the hit path, a Query later. */
export interface Asked {
  readonly flags: number;
  readonly questionEnd: number;
  readonly hasOpt: boolean;
  readonly ednsSize: number;
  readonly dnssecOk: boolean;
}

/** What a reply's header and place take from the answer. */
type Head = Pick<
  Answer,
  'flags' | 'rcode' | 'questionEnd' | 'answerCount' | 'authorityCount' | 'additionalCount'
>;

/** What a reply takes from the answer: a whole one, or the part of it that fits. */
export type Written = Head & Pick<Answer, 'wire'>;

/** An answer as a cache keeps it. */
export interface StoredAnswer extends Head {
  /** What follows the question, one character per octet. */
  readonly records: string;
  /** Where each TTL stands in the message, one character each. */
  readonly ttlOffsets: string;
}

/** A string's way into memory, which @types/node does not know. */
interface Latin1Writable {
  latin1Write(text: string, at: number, length: number): number;
}

/**
 * Writes `answer` as the reply to the query at `packet[start…]`. They must have the same question,
 * letter case aside; one of another length is never written.
 *
 * @param aaFlag FLAG_AA for an answer of our own or from the cache, 0 for one that passes through
 * @param echo the EDNS options to repeat, `echoLength` octets of it
 * @param limit octets that the client and `packet` can take
 * @returns the reply's length in octets, or DOES_NOT_FIT with nothing written
 */
export function writeReply(
  answer: Written,
  asked: Asked,
  packet: Buffer,
  start: number,
  limit: number,
  aaFlag: number,
  echo: Buffer | null,
  echoLength: number,
): number {
  const { wire, questionEnd } = answer;
  const optLength = asked.hasOpt ? OPT_LENGTH + echoLength : 0;
  const length = wire.length + optLength;
  if (length > limit || questionEnd !== asked.questionEnd) return DOES_NOT_FIT;
  writeHead(answer, asked, packet, start, aaFlag);
  wire.copy(packet, start + questionEnd, questionEnd);
  if (optLength !== 0) {
    writeOpt(asked, packet, start + wire.length, echo, echoLength, answer.rcode);
  }
  return length;
}

/**
 * The same for an answer from the cache, all its records with this TTL. Written where it goes in one
 * step: nothing is allocated.
 */
export function writeStored(
  stored: StoredAnswer,
  ttlSeconds: number,
  asked: Asked,
  packet: Buffer,
  start: number,
  limit: number,
  echo: Buffer,
  echoLength: number,
): number {
  const { records, ttlOffsets, questionEnd } = stored;
  const end = questionEnd + records.length;
  const optLength = asked.hasOpt ? OPT_LENGTH + echoLength : 0;
  if (end + optLength > limit || questionEnd !== asked.questionEnd) return DOES_NOT_FIT;
  writeHead(stored, asked, packet, start, FLAG_AA);
  (packet as Buffer & Latin1Writable).latin1Write(records, start + questionEnd, records.length);
  for (let i = 0; i < ttlOffsets.length; i++) {
    writeUint32(packet, start + ttlOffsets.charCodeAt(i), ttlSeconds);
  }
  if (optLength !== 0) writeOpt(asked, packet, start + end, echo, echoLength, stored.rcode);
  return end + optLength;
}

/** Flags and counts. ID and QDCOUNT are the query's own. */
function writeHead(
  answer: Head,
  asked: Asked,
  packet: Buffer,
  start: number,
  aaFlag: number,
): void {
  const flags =
    (answer.flags & (FLAG_AA | FLAG_TC | FLAG_RA)) |
    aaFlag |
    FLAG_QR |
    (asked.flags & (OPCODE_MASK | FLAG_RD)) |
    // RFC 4035 §3.2.2 has CD copied from the query. On the way through, that is upstream's to do.
    ((aaFlag === 0 ? answer.flags : asked.flags) & FLAG_CD) |
    // RFC 6840 §5.8: AD is shown to those who set DO or AD in the query.
    (asked.dnssecOk || (asked.flags & FLAG_AD) !== 0 ? answer.flags & FLAG_AD : 0) |
    headerRcode(answer.rcode, asked.hasOpt);
  writeUint16(packet, start + 2, flags);
  writeUint16(packet, start + 6, answer.answerCount);
  writeUint16(packet, start + 8, answer.authorityCount);
  writeUint16(packet, start + 10, answer.additionalCount + (asked.hasOpt ? 1 : 0));
}

/**
 * Writes a reply without records: header, the question unless `asked.questionEnd` is 0, and an OPT
 * record where the client sent one. `rcode` may be extended (RFC 6891 §6.1.3). Always fits: it is
 * never longer than a query with an OPT record.
 */
export function writeRcode(asked: Asked, packet: Buffer, start: number, rcode: number): number {
  const hasQuestion = asked.questionEnd !== 0;
  const withOpt = asked.hasOpt && hasQuestion;
  const flags = FLAG_QR | (asked.flags & (OPCODE_MASK | FLAG_RD | FLAG_CD));
  writeUint16(packet, start + 2, flags | headerRcode(rcode, withOpt));
  writeUint16(packet, start + 4, hasQuestion ? 1 : 0);
  writeUint16(packet, start + 6, 0);
  writeUint16(packet, start + 8, 0);
  writeUint16(packet, start + 10, withOpt ? 1 : 0);
  const end = hasQuestion ? asked.questionEnd : HEADER_LENGTH;
  if (!withOpt) return end;
  writeOpt(asked, packet, start + end, null, 0, rcode);
  return end + OPT_LENGTH;
}

/** The four bits of `rcode` for the header. Without OPT an extended code has no place: SERVFAIL. */
function headerRcode(rcode: number, withOpt: boolean): number {
  return rcode <= RCODE_MASK || withOpt ? rcode & RCODE_MASK : RCODE_SERVFAIL;
}

/** Writes our OPT record: the client's payload size and DO bit, version 0, the options of `echo`. */
function writeOpt(
  asked: Asked,
  packet: Buffer,
  at: number,
  echo: Buffer | null,
  echoLength: number,
  rcode: number,
): void {
  packet[at] = 0;
  writeUint16(packet, at + 1, TYPE_OPT);
  // A BADVERS reply names no size: it says nothing about a version we do not speak.
  writeUint16(packet, at + 3, rcode === RCODE_BADVERS ? 0 : asked.ednsSize);
  packet[at + 5] = rcode >> 4;
  packet[at + 6] = 0;
  packet[at + 7] = asked.dnssecOk ? 0x80 : 0;
  packet[at + 8] = 0;
  writeUint16(packet, at + 9, echoLength);
  if (echo !== null && echoLength !== 0) echo.copy(packet, at + OPT_LENGTH, 0, echoLength);
}
