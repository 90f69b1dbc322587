/** Answers that plugins make themselves (whoami, hosts, template, …) or change (rewrite, dns64, …). */
import { type Answer, bareAnswer, readAnswer } from './answer.ts';
import { type EdnsOption, writeOptions } from './edns.ts';
import {
  FLAG_AA,
  FLAG_CD,
  FLAG_QR,
  FLAG_RD,
  HEADER_LENGTH,
  OPCODE_MASK,
  RCODE_MASK,
  RCODE_NOERROR,
  RCODE_SERVFAIL,
} from './header.ts';
import { decodeMessage, encodeMessage, type Message, type ResourceRecord } from './message.ts';
import type { Query } from './query.ts';
import { TYPE_OPT } from './type.ts';

/** What a plugin answers with; what is left out is empty, false or NOERROR. */
export interface Response {
  /** May be extended (RFC 6891 §6.1.3). */
  readonly rcode?: number;
  /** Authoritative answer. */
  readonly aa?: boolean;
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
    FLAG_QR | (query.flags & (OPCODE_MASK | FLAG_RD | FLAG_CD)) | (response.aa ? FLAG_AA : 0);
  const answer = readAnswer(
    encodeMessage({
      id: query.id,
      flags: flags | (rcode & RCODE_MASK),
      questions: [
        {
          name: wire.subarray(HEADER_LENGTH, questionEnd - 4),
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
 * `answer` with its message changed, its OPT record kept. Neither is modified. Returns null when
 * `change` made no valid response to one question.
 */
export function changeAnswer(answer: Answer, change: (message: Message) => Message): Answer | null {
  const message = decodeMessage(answer.wire);
  const changed = message && readAnswer(encodeMessage(change(message)));
  if (changed !== null) changed.opt = answer.opt;
  return changed;
}

/** An OPT record of ours. Its size and DO bit do not matter: the reply's are the client's. */
function optRecord(rcode: number, options: readonly EdnsOption[]): ResourceRecord {
  return {
    name: Buffer.from([0]),
    type: TYPE_OPT,
    class: 0,
    // RFC 6891 §6.1.3: the response code's upper bits are the first octet of the TTL.
    ttlSeconds: (rcode >> 4) * 0x1000000,
    rdata: writeOptions(options),
  };
}
