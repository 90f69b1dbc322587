/**
 * Replies that are longer than the client can take: whole records are kept from the front while
 * they fit, the rest is left out and TC says so (spec §5.2).
 *
 * Cutting needs no decoding. Compression pointers lead to the front only (name.ts), so a message
 * stays whole when it loses records at its end. A client without EDNS that asks for a large cached
 * answer again and again costs little more than one that can take it.
 */
import { type Answer, readAnswer } from './answer.ts';
import { FLAG_TC, RCODE_SERVFAIL, readUint16 } from './header.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import {
  type Asked,
  DOES_NOT_FIT,
  OPT_LENGTH,
  type Written,
  writeRcode,
  writeReply,
} from './reply.ts';

/**
 * The reply to the query at `packet[start…]`, cut to `limit` octets, OPT included. For answers that
 * `writeReply` could not place; the parameters are the same. ID and question are the packet's, which
 * is not changed. Returns a buffer of its own.
 */
export function truncateReply(
  answer: Answer,
  asked: Asked,
  packet: Buffer,
  start: number,
  limit: number,
  aaFlag: number,
  echo: Buffer | null = null,
  echoLength = 0,
): Buffer {
  const optLength = asked.hasOpt ? OPT_LENGTH + echoLength : 0;
  const written = fitting(answer, limit - optLength);
  const reply = Buffer.allocUnsafe(Math.max(written.wire.length, asked.questionEnd) + optLength);
  packet.copy(reply, 0, start, start + asked.questionEnd);
  const length = writeReply(written, asked, reply, 0, limit, aaFlag, echo, echoLength);
  if (length !== DOES_NOT_FIT) return reply.subarray(0, length);
  // The answer is not one to this question, which must not happen.
  return reply.subarray(0, writeRcode(asked, reply, 0, RCODE_SERVFAIL));
}

/** As much of `answer` as fits `room` octets. */
function fitting(answer: Answer, room: number): Written {
  const compact = answer.wire.length === answer.uncompressedLength ? compressed(answer) : answer;
  return compact.wire.length <= room ? compact : cut(compact, room);
}

/** A spelled-out answer with its names compressed; the same answer where that cannot be. */
function compressed(answer: Answer): Answer {
  const message = decodeMessage(answer.wire);
  return (message && readAnswer(encodeMessage(message))) ?? answer;
}

/** The records of `answer` that fit, marked as truncated. */
function cut(answer: Answer, room: number): Written {
  const { wire, ttlOffsets } = answer;
  let end = answer.questionEnd;
  let kept = 0;
  // A signature (RFC 8945) covers the whole message: nothing of a signed one is worth keeping, and
  // the client asks again over TCP.
  const most = answer.hasTsig ? 0 : ttlOffsets.length;
  while (kept < most) {
    const lengthAt = ttlOffsets[kept] + 4;
    const next = lengthAt + 2 + readUint16(wire, lengthAt);
    if (next > room) break;
    end = next;
    kept++;
  }
  const answerCount = Math.min(kept, answer.answerCount);
  const authorityCount = Math.min(kept - answerCount, answer.authorityCount);
  return {
    wire: wire.subarray(0, end),
    flags: answer.flags | FLAG_TC,
    rcode: answer.rcode,
    questionEnd: answer.questionEnd,
    answerCount,
    authorityCount,
    additionalCount: kept - answerCount - authorityCount,
  };
}
