/**
 * A query as it lies in the receive buffer, read in place.
 *
 * One view is reused for every packet: reading allocates nothing. What it holds is valid until the
 * next `read`. Anything that must live longer is copied into a `Query` (query.ts).
 */
import {
  FLAG_CD,
  FLAG_QR,
  HEADER_LENGTH,
  MIN_UDP_PAYLOAD,
  OPCODE_MASK,
  OPCODE_NOTIFY,
  OPCODE_QUERY,
  OPCODE_SHIFT,
  readUint16,
} from './header.ts';
import { hashOctets } from './key-hash.ts';
import { latin1Slice } from './latin1.ts';
import { LOWER, MAX_LABEL_LENGTH, MAX_NAME_LENGTH, skipName } from './name.ts';
import { TYPE_OPT } from './type.ts';

/** How reading ended. The packet path never throws: each outcome has its own reply. */
export const READ_OK = 0;
/** Not a query at all; nothing is sent back, so that two servers never talk in circles. */
export const READ_DROP = 1;
export const READ_FORMERR = 2;
export const READ_NOTIMP = 3;
export const READ_BADVERS = 4;

/** Bits of the key's last octet: what makes two identical questions different ones. */
const KEY_DO = 1;
const KEY_CD = 2;

/** A name, then type, class and the key's flag octet. */
const MAX_KEY_LENGTH = MAX_NAME_LENGTH + 5;
const MAX_LABELS = 128;

/** The EDNS options a reply may repeat (spec §5.2; COOKIE and PADDING are not ours to echo). */
const OPTION_NSID = 3;
const OPTION_EXPIRE = 9;
const OPTION_TCP_KEEPALIVE = 11;
/** An echo longer than this is left out: no client needs it and the buffer stays bounded. */
const MAX_ECHO_LENGTH = 256;

export class QueryView {
  /** Lower-cased question, then one octet of DO and CD: the cache key. BOUNDED by the longest name. */
  readonly key = Buffer.alloc(MAX_KEY_LENGTH);
  keyLength = 0;
  /** Of `key` (key-hash.ts). */
  keyHash = 0;
  /** Where each label of `key` starts, left to right. BOUNDED by the number of labels in 255 octets. */
  readonly labelOffsets = new Uint8Array(MAX_LABELS);
  labelCount = 0;
  /** Octets of the name, the root's included. */
  nameLength = 0;

  /** Second header word as sent. */
  flags = 0;
  qtype = 0;
  qclass = 0;
  /** Octets of the query up to the end of its last record. */
  length = 0;
  /** Where the question ends, counted from the start of the message. */
  questionEnd = 0;

  hasOpt = false;
  /** The payload size the client says it can take; 0 without an OPT record. */
  ednsSize = 0;
  dnssecOk = false;
  /** The client's options that a reply repeats, ready to send. BOUNDED by MAX_ECHO_LENGTH. */
  readonly echo = Buffer.alloc(MAX_ECHO_LENGTH);
  echoLength = 0;

  /**
   * Reads the message at `packet[start..start + length)`. Returns one of READ_*. After READ_FORMERR
   * and READ_NOTIMP only `flags`, `questionEnd` (0: no question was read) and the OPT fields count.
   */
  read(packet: Buffer, start: number, length: number): number {
    if (length < HEADER_LENGTH) return READ_DROP;
    this.flags = readUint16(packet, start + 2);
    this.length = length;
    this.questionEnd = 0;
    this.hasOpt = false;
    this.ednsSize = 0;
    this.dnssecOk = false;
    this.echoLength = 0;
    if ((this.flags & FLAG_QR) !== 0) return READ_DROP;
    const opcode = (this.flags & OPCODE_MASK) >> OPCODE_SHIFT;
    if (opcode !== OPCODE_QUERY && opcode !== OPCODE_NOTIFY) return READ_NOTIMP;
    const answers = readUint16(packet, start + 6);
    const authorities = readUint16(packet, start + 8);
    const additionals = readUint16(packet, start + 10);
    if (readUint16(packet, start + 4) !== 1 || answers > 1 || authorities > 1 || additionals > 2) {
      return READ_FORMERR;
    }
    if (!this.#readQuestion(packet, start, start + length)) return READ_FORMERR;
    const before = answers + authorities;
    const outcome = this.#readRecords(packet, start, before, before + additionals);
    const flagBits = (this.dnssecOk ? KEY_DO : 0) | ((this.flags & FLAG_CD) !== 0 ? KEY_CD : 0);
    this.key[this.keyLength++] = flagBits;
    this.keyHash = hashOctets(this.key, this.keyLength);
    return outcome;
  }

  /** The key as latin1 text. */
  get keyText(): string {
    return latin1Slice(this.key, 0, this.keyLength);
  }

  /** The largest reply this client takes over UDP, in octets. */
  get udpLimit(): number {
    // RFC 6891 §6.2.3: "Values lower than 512 MUST be treated as equal to 512."
    return Math.max(this.ednsSize, MIN_UDP_PAYLOAD);
  }

  /** Copies the question to `key` in lower case. False when it is cut short, compressed or too long. */
  #readQuestion(packet: Buffer, start: number, end: number): boolean {
    const { key, labelOffsets } = this;
    const from = start + HEADER_LENGTH;
    let at = from;
    let labels = 0;
    for (;;) {
      if (at >= end) return false;
      const labelLength = packet[at];
      if (labelLength === 0) break;
      labelOffsets[labels++] = at - from;
      at += 1 + labelLength;
      // A pointer (RFC 1035 §4.1.4) is too long for a label: nothing stands before the question.
      if (labelLength > MAX_LABEL_LENGTH || at - from >= MAX_NAME_LENGTH) return false;
    }
    const nameLength = at + 1 - from;
    if (at + 5 > end) return false;
    // A length octet is below 64, so the loop need not tell it from a letter. One flat loop with a
    // table costs about half of copying label by label (bench/micro/dns.bench.ts).
    for (let i = 0; i < nameLength; i++) key[i] = LOWER[packet[from + i]];
    key[nameLength] = packet[at + 1];
    key[nameLength + 1] = packet[at + 2];
    key[nameLength + 2] = packet[at + 3];
    key[nameLength + 3] = packet[at + 4];
    this.keyLength = nameLength + 4;
    this.nameLength = nameLength;
    this.labelCount = labels;
    this.qtype = readUint16(packet, at + 1);
    this.qclass = readUint16(packet, at + 3);
    this.questionEnd = at + 5 - start;
    return true;
  }

  /** Walks `count` records behind the question, the additional ones from number `additionalStart` on. */
  #readRecords(packet: Buffer, start: number, additionalStart: number, count: number): number {
    const end = start + this.length;
    let at = start + this.questionEnd;
    let outcome = READ_OK;
    for (let i = 0; i < count; i++) {
      const owner = at;
      at = skipName(packet, at, end);
      if (at < 0 || at + 10 > end) return READ_FORMERR;
      const dataEnd = at + 10 + readUint16(packet, at + 8);
      if (dataEnd > end) return READ_FORMERR;
      if (readUint16(packet, at) === TYPE_OPT) {
        // RFC 6891 §6.1.1: "If a query message with more than one OPT RR is received, a FORMERR
        // (RCODE=1) MUST be returned." Its owner "MUST be 0 (root domain)" (§6.1.2).
        if (this.hasOpt || packet[owner] !== 0 || i < additionalStart) return READ_FORMERR;
        outcome = this.#readOpt(packet, at, dataEnd);
        if (outcome === READ_FORMERR) return outcome;
      }
      at = dataEnd;
    }
    this.length = at - start;
    return outcome;
  }

  /** Reads the OPT record whose TYPE stands at `at` (RFC 6891 §6.1.2). */
  #readOpt(packet: Buffer, at: number, dataEnd: number): number {
    this.hasOpt = true;
    this.ednsSize = readUint16(packet, at + 2);
    this.dnssecOk = (packet[at + 6] & 0x80) !== 0;
    // RFC 6891 §6.1.3: "If a responder does not implement the VERSION level of the request, then
    // it MUST respond with RCODE=BADVERS." What options look like there we cannot know.
    if (packet[at + 5] !== 0) return READ_BADVERS;
    return this.#readOptions(packet, at + 10, dataEnd) ? READ_OK : READ_FORMERR;
  }

  /** Keeps the options that the reply repeats. False when an option runs over the record's end. */
  #readOptions(packet: Buffer, from: number, end: number): boolean {
    let at = from;
    while (at < end) {
      if (at + 4 > end) return false;
      const code = readUint16(packet, at);
      const next = at + 4 + readUint16(packet, at + 2);
      if (next > end) return false;
      const echoed =
        code === OPTION_NSID || code === OPTION_EXPIRE || code === OPTION_TCP_KEEPALIVE;
      if (echoed && this.echoLength + next - at <= MAX_ECHO_LENGTH) {
        packet.copy(this.echo, this.echoLength, at, next);
        this.echoLength += next - at;
      }
      at = next;
    }
    return true;
  }
}
