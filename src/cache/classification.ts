/**
 * What kind of answer a message is, and whether it may be stored (spec §5.3, RFC 2308 §2).
 *
 * We store what any client that asks the same question may be told: answers, denials that a SOA
 * record vouches for, and, for seconds, the upstream's failures. We do not store what was cut
 * (TC), what belongs to one client (TSIG, zone transfers), what nobody vouches for (a denial
 * without SOA), or what only an iterative client can use.
 */
import type { Answer } from '../dns/answer.ts';
import {
  FLAG_RD,
  OPCODE_MASK,
  OPCODE_NOTIFY,
  OPCODE_SHIFT,
  OPCODE_UPDATE,
  RCODE_NOERROR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_SERVFAIL,
  readUint16,
  readUint32,
} from '../dns/header.ts';
import { TYPE_ANY, TYPE_AXFR, TYPE_IXFR, TYPE_RRSIG } from '../dns/type.ts';

/** Kinds of answers. The first two are kept as successes, the next three as denials. */
export const KIND_SUCCESS = 0;
export const KIND_DELEGATION = 1;
export const KIND_NAME_ERROR = 2;
export const KIND_NO_DATA = 3;
export const KIND_SERVER_ERROR = 4;
/** Never stored: REFUSED, FORMERR, a denial without SOA, signatures out of date. */
export const KIND_OTHER = 5;
/** Never stored: about zones, not names. */
export const KIND_META = 6;

/** What of a query decides about its answer. */
export interface Asked {
  readonly qtype: number;
  /** Second header word. */
  readonly flags: number;
}

/** The kind of `answer`. `unixSeconds` is only looked at for signatures. */
export function classify(answer: Answer, qtype: number, unixSeconds: () => number): number {
  const opcode = (answer.flags & OPCODE_MASK) >> OPCODE_SHIFT;
  if (opcode === OPCODE_UPDATE || opcode === OPCODE_NOTIFY) return KIND_META;
  if (qtype === TYPE_AXFR || qtype === TYPE_IXFR) return KIND_META;
  if (answer.hasSignatures && hasDnssecOk(answer) && !signaturesAreInForce(answer, unixSeconds())) {
    return KIND_OTHER;
  }
  const { rcode } = answer;
  if (rcode === RCODE_NOERROR && answer.answerCount > 0) return KIND_SUCCESS;
  if (answer.authorityHasSoa && rcode === RCODE_NOERROR) return KIND_NO_DATA;
  if (answer.authorityHasSoa && rcode === RCODE_NXDOMAIN) return KIND_NAME_ERROR;
  if (rcode === RCODE_SERVFAIL || rcode === RCODE_NOTIMP) return KIND_SERVER_ERROR;
  if (rcode !== RCODE_NOERROR) return KIND_OTHER;
  return answer.authorityHasNs ? KIND_DELEGATION : KIND_SUCCESS;
}

/** Whether answers of this kind are kept, and counted, as denials. */
export function isDenial(kind: number): boolean {
  return kind >= KIND_NAME_ERROR && kind <= KIND_SERVER_ERROR;
}

/** Whether `answer`, of `kind`, may be told to others who ask the question of `asked`. */
export function mayBeStored(answer: Answer, kind: number, asked: Asked): boolean {
  if (kind >= KIND_OTHER || answer.truncated || answer.hasTsig) return false;
  const answersQuestion = holdsType(answer, asked.qtype);
  // RFC 2308 §5: "Negative responses without SOA records SHOULD NOT be cached". An alias that leads
  // nowhere is such a response.
  if (answer.answerCount > 0 && !answersQuestion && !answer.authorityHasSoa) return false;
  // Who asks without RD is told what the upstream happens to know. A referral or an empty answer
  // must not be the answer of those who want it resolved: RD is no part of the key.
  if ((asked.flags & FLAG_RD) === 0) {
    return answersQuestion || kind === KIND_NAME_ERROR || kind === KIND_NO_DATA;
  }
  return true;
}

/** Whether the answer section holds a record of the type that was asked for. */
export function holdsType(answer: Answer, qtype: number): boolean {
  const { wire, ttlOffsets, answerCount } = answer;
  if (qtype === TYPE_ANY) return answerCount > 0;
  for (let i = 0; i < answerCount; i++) {
    if (typeAt(wire, ttlOffsets[i]) === qtype) return true;
  }
  return false;
}

/** Where the flags stand in an OPT record: DO is the highest bit (RFC 3225 §3). */
const OPT_FLAGS = 7;

function hasDnssecOk(answer: Answer): boolean {
  return answer.opt !== null && (answer.opt[OPT_FLAGS] & 0x80) !== 0;
}

/** Offsets within a record, counted from its TTL. */
const TYPE_BEFORE_TTL = -4;
const DATA_LENGTH = 4;
const DATA = 6;
/** Offsets within the data of an RRSIG record, and its least length (RFC 4034 §3.1). */
const SIGNATURE_EXPIRATION = 8;
const SIGNATURE_INCEPTION = 12;
const SIGNATURE_MIN_LENGTH = 18;

function typeAt(wire: Buffer, ttlOffset: number): number {
  return readUint16(wire, ttlOffset + TYPE_BEFORE_TTL);
}

/** Whether every RRSIG record is valid at this time. */
function signaturesAreInForce(answer: Answer, unixSeconds: number): boolean {
  const { wire } = answer;
  for (const at of answer.ttlOffsets) {
    if (typeAt(wire, at) !== TYPE_RRSIG) continue;
    if (readUint16(wire, at + DATA_LENGTH) < SIGNATURE_MIN_LENGTH) return false;
    // RFC 4034 §3.1.5: these fields "MUST use serial number arithmetic": the sign of a 32-bit
    // difference tells which is later.
    const sinceInception = unixSeconds - readUint32(wire, at + DATA + SIGNATURE_INCEPTION);
    const untilExpiration = readUint32(wire, at + DATA + SIGNATURE_EXPIRATION) - unixSeconds;
    if ((sinceInception | 0) < 0 || (untilExpiration | 0) < 0) return false;
  }
  return true;
}
