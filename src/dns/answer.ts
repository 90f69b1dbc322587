/**
 * An upstream's (or a plugin's) message made ready to be sent to anyone who asks the same question:
 * the wire form without its OPT record, and where its TTLs stand.
 */
import {
  FLAG_AD,
  FLAG_QR,
  FLAG_TC,
  HEADER_LENGTH,
  MIN_UDP_PAYLOAD,
  RCODE_MASK,
  readUint16,
  readUint32,
  writeUint16,
  writeUint32,
} from './header.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { expandedNameLength, POINTER, skipName } from './name.ts';
import { expandedRdataLength, rdataLayout } from './rdata.ts';
import { TYPE_NS, TYPE_OPT, TYPE_RRSIG, TYPE_SOA, TYPE_TSIG } from './type.ts';

/** More records than this do not fit a message of 65,535 octets: each takes at least eleven. */
const MAX_RECORDS = 5957;

export class Answer {
  /** Header, one question, records. No OPT. Owned by this answer; TTLs are rewritten in place. */
  readonly wire: Buffer;
  /** Second header word as upstream sent it. */
  readonly flags: number;
  /** The response code, with the upper eight bits from the OPT record (RFC 6891 §6.1.3). */
  readonly rcode: number;
  readonly questionEnd: number;
  /** Where each TTL stands in `wire`, in order. BOUNDED by MAX_RECORDS. */
  readonly ttlOffsets: readonly number[];
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  /** Octets of `wire` were all its names spelled out: the size that metrics and logs show (spec §6.2). */
  readonly uncompressedLength: number;
  /** The smallest TTL of all records in seconds; −1 without records. */
  readonly minTtlSeconds: number;
  /** What the authority section holds, for telling kinds of answers apart (RFC 2308 §2). */
  readonly authorityHasSoa: boolean;
  readonly authorityHasNs: boolean;
  readonly hasSignatures: boolean;
  /** Signed for one client (RFC 8945): must be neither changed nor cut. */
  readonly hasTsig: boolean;
  /** The OPT record as upstream sent it, or null; `cache` drops it, as it is meant for one hop. */
  opt: Buffer | null;
  /** What `setTtl` last wrote; −1 when the TTLs are still upstream's. */
  #writtenTtlSeconds = -1;

  constructor(wire: Buffer, scan: RecordScan) {
    this.wire = wire;
    this.flags = readUint16(wire, 2);
    this.rcode = (this.flags & RCODE_MASK) | (scan.opt === null ? 0 : scan.opt[OPT_RCODE] << 4);
    this.questionEnd = scan.questionEnd;
    this.ttlOffsets = scan.ttlOffsets;
    this.answerCount = readUint16(wire, 6);
    this.authorityCount = readUint16(wire, 8);
    this.additionalCount = readUint16(wire, 10);
    this.uncompressedLength = scan.uncompressedLength;
    this.minTtlSeconds = scan.minTtlSeconds;
    this.authorityHasSoa = scan.authorityHasSoa;
    this.authorityHasNs = scan.authorityHasNs;
    this.hasSignatures = scan.hasSignatures;
    this.hasTsig = scan.hasTsig;
    this.opt = scan.opt;
  }

  get truncated(): boolean {
    return (this.flags & FLAG_TC) !== 0;
  }

  get authenticData(): boolean {
    return (this.flags & FLAG_AD) !== 0;
  }

  /**
   * Gives every record the same TTL, in place. Cheap when it is the one written last. An upstream
   * that let a name point into a TTL spoils its own answer by that: clients cannot read it.
   */
  setTtl(ttlSeconds: number): void {
    if (ttlSeconds === this.#writtenTtlSeconds) return;
    this.#writtenTtlSeconds = ttlSeconds;
    const { wire, ttlOffsets } = this;
    for (let i = 0; i < ttlOffsets.length; i++) writeUint32(wire, ttlOffsets[i], ttlSeconds);
  }
}

/** Where the upper bits of the response code stand in an OPT record (RFC 6891 §6.1.3). */
const OPT_RCODE = 5;

/**
 * Reads the response at `octets[start..end)`, which has exactly one question. Returns null when it is
 * no response, has another number of questions, is cut short (unless it says so itself: TC), has a
 * malformed name, or more than one OPT record. Copies what it keeps: `octets` may be reused at once.
 */
export function readAnswer(octets: Buffer, start = 0, end = octets.length): Answer | null {
  if (end - start < HEADER_LENGTH || (readUint16(octets, start + 2) & FLAG_QR) === 0) return null;
  if (readUint16(octets, start + 4) !== 1) return null;
  // From Node's pool, at a third of the price of memory of its own: an answer lives as long as its
  // way back takes, and `cache` stores its octets in another form.
  const message = Buffer.allocUnsafe(end - start);
  octets.copy(message, 0, start, end);
  scan.clear();
  if (!scan.readQuestion(message)) return null;
  if (!scan.readRecords(message)) {
    // Some servers cut a truncated answer in the middle of a record. Nobody uses its records, but
    // the client must learn of TC, so that it asks again over TCP (RFC 2181 §9).
    const flags = readUint16(message, 2);
    return (flags & FLAG_TC) === 0 ? null : bareAnswer(message, scan.questionEnd, flags);
  }
  if (scan.optInside) return rewrite(message, scan.opt);
  // CoreDNS sends uncompressed what fits (spec §5.2), so kube-dns' long answers over TCP come
  // spelled out. A small answer fits every client as it is and is not worth the time; a long one
  // pays with each hit: more to copy, and cut for clients that could take it compressed.
  const spelledOut = scan.keptEnd === scan.uncompressedLength;
  if (spelledOut && scan.keptEnd > MIN_UDP_PAYLOAD && !scan.hasTsig) {
    return rewrite(message, scan.opt);
  }
  return keep(message);
}

/** The answer in the form it was sent, without the OPT record at its end. */
function keep(message: Buffer): Answer {
  const wire = scan.keptEnd === message.length ? message : message.subarray(0, scan.keptEnd);
  if (scan.opt !== null) writeUint16(wire, 10, readUint16(wire, 10) - 1);
  return new Answer(wire, scan);
}

/** An answer without records: `message`'s header and question, which ends at `questionEnd`. */
export function bareAnswer(message: Buffer, questionEnd: number, flags: number): Answer {
  const wire = Buffer.from(message.subarray(0, questionEnd));
  writeUint16(wire, 2, flags);
  writeUint16(wire, 4, 1);
  wire.fill(0, 6, HEADER_LENGTH);
  scan.clear();
  scan.questionEnd = questionEnd;
  scan.readRecords(wire);
  return new Answer(wire, scan);
}

/** The answer encoded anew: compressed, and with no gap where an OPT record was. */
function rewrite(message: Buffer, opt: Buffer | null): Answer | null {
  const decoded = decodeMessage(message);
  if (decoded === null) return null;
  const additionals = decoded.additionals.filter((record) => record.type !== TYPE_OPT);
  const wire = Buffer.from(encodeMessage({ ...decoded, additionals }));
  scan.clear();
  if (!scan.readQuestion(wire) || !scan.readRecords(wire)) return null;
  scan.opt = opt;
  return new Answer(wire, scan);
}

/** What one walk over a message finds; `clear` comes first. */
class RecordScan {
  questionEnd = 0;
  /** Where the records to keep end: before the OPT record if it is the last. */
  keptEnd = 0;
  ttlOffsets: number[] = [];
  uncompressedLength = 0;
  minTtlSeconds = -1;
  authorityHasSoa = false;
  authorityHasNs = false;
  hasSignatures = false;
  hasTsig = false;
  opt: Buffer | null = null;
  /** The OPT record is not the last one, so the octets to keep do not lie together. */
  optInside = false;

  clear(): void {
    this.questionEnd = 0;
    this.keptEnd = 0;
    this.ttlOffsets = [];
    this.uncompressedLength = 0;
    this.minTtlSeconds = -1;
    this.authorityHasSoa = false;
    this.authorityHasNs = false;
    this.hasSignatures = false;
    this.hasTsig = false;
    this.opt = null;
    this.optInside = false;
  }

  /** Walks the question. False when it is malformed or compressed. */
  readQuestion(message: Buffer): boolean {
    // Nothing stands before the question that a pointer in it could lead to.
    const nameLength = expandedNameLength(message, HEADER_LENGTH, message.length);
    this.questionEnd = HEADER_LENGTH + nameLength + 4;
    return nameLength > 0 && this.questionEnd <= message.length;
  }

  /** Walks all records. False when one is malformed or cut short. */
  readRecords(message: Buffer): boolean {
    const authorityStart = readUint16(message, 6);
    const additionalStart = authorityStart + readUint16(message, 8);
    const total = additionalStart + readUint16(message, 10);
    if (total > MAX_RECORDS) return false;
    this.uncompressedLength = this.questionEnd;
    let at = this.questionEnd;
    let kept = 0;
    // One record is the most usual; `push` would make room for seventeen.
    const offsets = new Array<number>(total);
    for (let i = 0; i < total; i++) {
      const owner = at;
      const fixed = this.#skipOwner(message, owner);
      if (fixed < 0) return false;
      const type = readUint16(message, fixed);
      at = fixed + 10 + readUint16(message, fixed + 8);
      if (at > message.length) return false;
      if (type === TYPE_OPT) {
        // RFC 6891 §6.1.2: its owner "MUST be 0 (root domain)".
        if (this.opt !== null || i < additionalStart || message[owner] !== 0) return false;
        this.opt = Buffer.from(message.subarray(owner, at));
        this.optInside = i !== total - 1;
        this.uncompressedLength -= 1;
        if (!this.optInside) at = owner;
        continue;
      }
      if (!this.#addData(message, type, fixed + 10, at)) return false;
      offsets[kept++] = fixed + 4;
      this.#note(type, readUint32(message, fixed + 4), i >= authorityStart && i < additionalStart);
    }
    this.keptEnd = at;
    // Cut only where there was an OPT record: the assignment alone costs as much as a record.
    if (kept !== total) offsets.length = kept;
    this.ttlOffsets = offsets;
    return true;
  }

  /** Counts the owner name at `owner`. Returns where the type stands, or −1. */
  #skipOwner(message: Buffer, owner: number): number {
    const end = message.length;
    // Nearly every owner is a pointer to the question, whose length is known.
    const isQuestion = message[owner] === POINTER && message[owner + 1] === HEADER_LENGTH;
    const length = isQuestion
      ? this.questionEnd - HEADER_LENGTH - 4
      : expandedNameLength(message, owner, end);
    if (length < 0) return -1;
    this.uncompressedLength += length;
    const fixed = isQuestion ? owner + 2 : skipName(message, owner, end);
    return fixed + 10 <= end ? fixed : -1;
  }

  /** Counts a record's fixed part and data. False when a name in the data is malformed. */
  #addData(message: Buffer, type: number, from: number, end: number): boolean {
    const layout = rdataLayout(type);
    const length =
      layout === undefined ? end - from : expandedRdataLength(message, layout, from, end);
    this.uncompressedLength += 10 + length;
    return length >= 0;
  }

  /** Takes in a record's type and TTL. */
  #note(type: number, ttlSeconds: number, inAuthority: boolean): void {
    // RFC 8767 §4: a TTL with its highest bit set is a large positive number, not a zero.
    if (this.minTtlSeconds < 0 || ttlSeconds < this.minTtlSeconds) this.minTtlSeconds = ttlSeconds;
    if (type === TYPE_RRSIG) this.hasSignatures = true;
    else if (type === TYPE_TSIG) this.hasTsig = true;
    else if (inAuthority) {
      if (type === TYPE_SOA) this.authorityHasSoa = true;
      else if (type === TYPE_NS) this.authorityHasNs = true;
    }
  }
}

/** One walk at a time: what it found goes into an Answer at once. */
const scan = new RecordScan();
