/** What `dns64` reads in an answer for AAAA, and what it makes of one for A (RFC 6147 §5). */
import type { Answer } from '../dns/answer.ts';
import { FLAG_AA, FLAG_AD, readUint16 } from '../dns/header.ts';
import { decodeMessage, type ResourceRecord } from '../dns/message.ts';
import type { Query } from '../dns/query.ts';
import { changeAnswer } from '../dns/synthesis.ts';
import { TYPE_A, TYPE_AAAA, TYPE_SOA } from '../dns/type.ts';
import { type Dns64Prefix, embed } from './dns64-prefix.ts';

/** RFC 6147 §5.1.7: the TTL's bound where no SOA record is known. */
const DEFAULT_TTL_SECONDS = 600;

/** ::ffff:0:0/96, addresses of IPv4 in disguise (RFC 6147 §5.1.4). */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** Whether an answer holds an address that a client without IPv4 can reach. */
export function hasUsableAddress({ wire, ttlOffsets, answerCount }: Answer): boolean {
  for (let i = 0; i < answerCount; i++) {
    // Type and class stand before the TTL, the length behind it.
    const at = ttlOffsets[i];
    if (readUint16(wire, at - 4) !== TYPE_AAAA) continue;
    const address = wire.subarray(at + 6, at + 6 + readUint16(wire, at + 4));
    if (MAPPED.compare(address, 0, MAPPED.length) !== 0) return true;
  }
  return false;
}

/** The TTL of the SOA record that came with a denial, which bounds those of made addresses. */
export function soaTtlSeconds(answer: Answer): number {
  if (!answer.authorityHasSoa) return DEFAULT_TTL_SECONDS;
  const soa = decodeMessage(answer.wire)?.authorities.find(({ type }) => type === TYPE_SOA);
  return soa?.ttlSeconds ?? DEFAULT_TTL_SECONDS;
}

/**
 * The answer for A as one to `query`: its addresses within `prefix`, everything else as it is
 * (RFC 6147 §5.3), its errors too (§5.1.6). Null when it is malformed.
 */
export function synthesize(
  query: Query,
  answer: Answer,
  prefix: Dns64Prefix,
  maxTtlSeconds: number,
): Answer | null {
  const translate = (record: ResourceRecord): ResourceRecord => {
    if (record.type !== TYPE_A || record.rdata.length !== 4) return record;
    // RFC 6147 §5.1.7: the TTL is the smaller one of those of the A record and the SOA record.
    const ttlSeconds = Math.min(record.ttlSeconds, maxTtlSeconds);
    return { ...record, type: TYPE_AAAA, ttlSeconds, rdata: embed(prefix, record.rdata) };
  };
  return changeAnswer(answer, (message) => ({
    ...message,
    // No zone holds these records and nobody has signed them.
    flags: message.flags & ~(FLAG_AA | FLAG_AD),
    questions: [{ name: query.wireName, type: TYPE_AAAA, class: query.qclass }],
    answers: message.answers.map(translate),
  }));
}
