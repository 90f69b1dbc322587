/** Answers that plugins make themselves (whoami, hosts, template, …) or change (rewrite, dns64, …). */
import { type Answer, bareAnswer, readAnswer } from './answer.ts';
import { type EdnsOption, writeOptions } from './edns.ts';
import {
  FLAG_AA,
  FLAG_CD,
  FLAG_QR,
  FLAG_RD,
  FLAG_TC,
  OPCODE_MASK,
  RCODE_MASK,
  RCODE_NOERROR,
  RCODE_SERVFAIL,
  readUint16,
  readUint32,
} from './header.ts';
import { decodeMessage, encodeMessage, type Message, type ResourceRecord } from './message.ts';
import type { Query } from './query.ts';
import { OPT_LENGTH } from './reply.ts';
import { TYPE_OPT } from './type.ts';

/** What a plugin answers with; what is left out is empty, false or NOERROR. */
export interface Response {
  /** May be extended (RFC 6891 §6.1.3). */
  readonly rcode?: number;
  /** Authoritative answer. */
  readonly aa?: boolean;
  /** Some of it was cut off where it comes from. */
  readonly truncated?: boolean;
  readonly answers?: readonly ResourceRecord[];
  readonly authorities?: readonly ResourceRecord[];
  readonly additionals?: readonly ResourceRecord[];
  /** Sent to those clients only that use EDNS themselves. */
  readonly options?: readonly EdnsOption[];
}

/**
 * The answer to `query` with these records. Records beyond 65,535 octets are left out, with TC.
 * Records that make no valid message, such as an MX record without a name, become SERVFAIL.
 */
export function respond(query: Query, response: Response): Answer {
  const { wire, questionEnd } = query;
  const rcode = response.rcode ?? RCODE_NOERROR;
  const options = response.options ?? [];
  const additionals = [...(response.additionals ?? [])];
  if (options.length > 0 || rcode > RCODE_MASK) additionals.push(optRecord(rcode, options));
  const flags =
    FLAG_QR |
    (query.flags & (OPCODE_MASK | FLAG_RD | FLAG_CD)) |
    (response.aa ? FLAG_AA : 0) |
    (response.truncated ? FLAG_TC : 0);
  const answer = readAnswer(
    encodeMessage({
      id: query.id,
      flags: flags | (rcode & RCODE_MASK),
      questions: [
        {
          name: query.wireName,
          type: query.qtype,
          class: query.qclass,
        },
      ],
      answers: response.answers ?? [],
      authorities: response.authorities ?? [],
      additionals,
    }),
  );
  return answer ?? bareAnswer(wire, questionEnd, flags | RCODE_SERVFAIL);
}

/**
 * `answer` with its message changed. `change` is not shown the OPT record, which is kept. Neither is
 * modified. Returns null when `change` made no valid response to one question.
 */
export function changeAnswer(answer: Answer, change: (message: Message) => Message): Answer | null {
  const message = decodeMessage(answer.wire);
  return message && answerOf(withOpt(change(message), answer.opt));
}

/** The whole message of an answer, its OPT record included; null when it is malformed. */
export function messageOf(answer: Answer): Message | null {
  const message = decodeMessage(answer.wire);
  return message && withOpt(message, answer.opt);
}

/** The answer that a message is; null when it is no valid response to one question. */
export function answerOf(message: Message): Answer | null {
  return readAnswer(encodeMessage(message));
}

/** The response code of a message, with the upper bits from its OPT record (RFC 6891 §6.1.3). */
export function rcodeOf({ flags, additionals }: Message): number {
  const opt = additionals.find((record) => record.type === TYPE_OPT);
  const upper = opt === undefined ? 0 : Math.floor(opt.ttlSeconds / UPPER_RCODE) << 4;
  return upper | (flags & RCODE_MASK);
}

/** A message with another response code; one that has no place in the header brings an OPT record. */
export function withRcode(message: Message, rcode: number): Message {
  const flags = (message.flags & ~RCODE_MASK) | (rcode & RCODE_MASK);
  const upper = (rcode >> 4) * UPPER_RCODE;
  const hasOpt = message.additionals.some((record) => record.type === TYPE_OPT);
  if (!hasOpt && upper > 0) {
    return { ...message, flags, additionals: [...message.additionals, optRecord(rcode, [])] };
  }
  const additionals = message.additionals.map((record) =>
    record.type === TYPE_OPT
      ? { ...record, ttlSeconds: upper + (record.ttlSeconds % UPPER_RCODE) }
      : record,
  );
  return { ...message, flags, additionals };
}

/** `message` with the OPT record `opt` as its last record. */
function withOpt(message: Message, opt: Buffer | null): Message {
  if (opt === null) return message;
  const record: ResourceRecord = {
    name: Buffer.from([0]),
    type: TYPE_OPT,
    class: readUint16(opt, 3),
    ttlSeconds: readUint32(opt, 5),
    rdata: opt.subarray(OPT_LENGTH),
  };
  return { ...message, additionals: [...message.additionals, record] };
}

/** RFC 6891 §6.1.3: the response code's upper bits are the first octet of an OPT record's TTL. */
const UPPER_RCODE = 0x1000000;

/** An OPT record of ours. Its size and DO bit do not matter: the reply's are the client's. */
function optRecord(rcode: number, options: readonly EdnsOption[]): ResourceRecord {
  return {
    name: Buffer.from([0]),
    type: TYPE_OPT,
    class: 0,
    ttlSeconds: (rcode >> 4) * UPPER_RCODE,
    rdata: writeOptions(options),
  };
}
