/**
 * An upstream's (or a plugin's) message made ready to be sent to anyone who asks the same question:
 * the wire form without its OPT record, and where its TTLs stand.
 */
import {
  FLAG_AD,
  FLAG_QR,
  FLAG_TC,
  HEADER_LENGTH,
  RCODE_MASK,
  readUint16,
  readUint32,
  writeUint16,
  writeUint32,
} from './header.ts';
import { skipName } from './query-view.ts';
import { TYPE_NS, TYPE_OPT, TYPE_RRSIG, TYPE_SOA } from './type.ts';

/** More records than this do not fit a message of 65,535 octets: each takes at least eleven. */
const MAX_RECORDS = 5957;

export class Answer {
  /** Header, one question, records. No OPT. Owned by this answer; TTLs are rewritten in place. */
  readonly wire: Buffer;
  /** Second header word as upstream sent it. */
  readonly flags: number;
  readonly questionEnd: number;
  /** Where each TTL stands in `wire`. BOUNDED by MAX_RECORDS. */
  readonly ttlOffsets: Uint16Array;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  /** The smallest TTL of all records in seconds; −1 without records. */
  readonly minTtlSeconds: number;
  /** What the authority section holds, for telling kinds of answers apart (RFC 2308 §2). */
  readonly authorityHasSoa: boolean;
  readonly authorityHasNs: boolean;
  readonly hasSignatures: boolean;
  /** The OPT record as upstream sent it, or null; `cache` drops it, as it is meant for one hop. */
  opt: Buffer | null;
  /** What `setTtl` last wrote; −1 when the TTLs are still upstream's. */
  #writtenTtlSeconds = -1;

  constructor(wire: Buffer, scan: RecordScan) {
    this.wire = wire;
    this.flags = readUint16(wire, 2);
    this.questionEnd = scan.questionEnd;
    this.ttlOffsets = Uint16Array.from(scan.ttlOffsets);
    this.answerCount = readUint16(wire, 6);
    this.authorityCount = readUint16(wire, 8);
    this.additionalCount = readUint16(wire, 10);
    this.minTtlSeconds = scan.minTtlSeconds;
    this.authorityHasSoa = scan.authorityHasSoa;
    this.authorityHasNs = scan.authorityHasNs;
    this.hasSignatures = scan.hasSignatures;
    this.opt = scan.opt;
  }

  get rcode(): number {
    return this.flags & RCODE_MASK;
  }

  get truncated(): boolean {
    return (this.flags & FLAG_TC) !== 0;
  }

  get authenticData(): boolean {
    return (this.flags & FLAG_AD) !== 0;
  }

  /** Gives every record the same TTL, in place. Cheap when it is the one written last. */
  setTtl(ttlSeconds: number): void {
    if (ttlSeconds === this.#writtenTtlSeconds) return;
    this.#writtenTtlSeconds = ttlSeconds;
    const { wire, ttlOffsets } = this;
    for (let i = 0; i < ttlOffsets.length; i++) writeUint32(wire, ttlOffsets[i], ttlSeconds);
  }
}

/** What one walk over a message's records finds. */
interface RecordScan {
  questionEnd: number;
  ttlOffsets: number[];
  minTtlSeconds: number;
  authorityHasSoa: boolean;
  authorityHasNs: boolean;
  hasSignatures: boolean;
  opt: Buffer | null;
}

/**
 * Reads a response with exactly one question. Returns null when it is no response, has another
 * number of questions, is cut short, or holds an OPT record that is not the last one.
 * Copies what it keeps: `message` may be reused at once.
 */
export function readAnswer(message: Buffer): Answer | null {
  const end = message.length;
  if (end < HEADER_LENGTH || (readUint16(message, 2) & FLAG_QR) === 0) return null;
  if (readUint16(message, 4) !== 1) return null;
  const nameEnd = skipName(message, HEADER_LENGTH, end);
  if (nameEnd < 0 || nameEnd + 4 > end) return null;
  const scan: RecordScan = {
    questionEnd: nameEnd + 4,
    ttlOffsets: [],
    minTtlSeconds: -1,
    authorityHasSoa: false,
    authorityHasNs: false,
    hasSignatures: false,
    opt: null,
  };
  const keptEnd = scanRecords(message, scan);
  if (keptEnd < 0) return null;
  const wire = Buffer.allocUnsafeSlow(keptEnd);
  message.copy(wire, 0, 0, keptEnd);
  if (scan.opt !== null) writeUint16(wire, 10, readUint16(message, 10) - 1);
  return new Answer(wire, scan);
}

/** Walks all records into `scan`. Returns where the records to keep end, or −1. */
function scanRecords(message: Buffer, scan: RecordScan): number {
  const authorityStart = readUint16(message, 6);
  const additionalStart = authorityStart + readUint16(message, 8);
  const total = additionalStart + readUint16(message, 10);
  if (total > MAX_RECORDS) return -1;
  let at = scan.questionEnd;
  for (let i = 0; i < total; i++) {
    const owner = at;
    at = skipName(message, at, message.length);
    if (at < 0 || at + 10 > message.length) return -1;
    const type = readUint16(message, at);
    const dataEnd = at + 10 + readUint16(message, at + 8);
    if (dataEnd > message.length) return -1;
    if (type === TYPE_OPT) {
      if (i !== total - 1 || i < additionalStart) return -1;
      scan.opt = Buffer.from(message.subarray(owner, dataEnd));
      return owner;
    }
    const ttl = readUint32(message, at + 4);
    scan.ttlOffsets.push(at + 4);
    if (scan.minTtlSeconds < 0 || ttl < scan.minTtlSeconds) scan.minTtlSeconds = ttl;
    if (type === TYPE_RRSIG) scan.hasSignatures = true;
    if (i >= authorityStart && i < additionalStart) {
      if (type === TYPE_SOA) scan.authorityHasSoa = true;
      else if (type === TYPE_NS) scan.authorityHasNs = true;
    }
    at = dataEnd;
  }
  return at;
}
