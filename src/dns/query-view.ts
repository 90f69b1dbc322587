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

/** A name takes at most 255 octets (RFC 1035 §2.3.4); type, class and the key's flag octet follow. */
const MAX_NAME_LENGTH = 255;
const MAX_KEY_LENGTH = MAX_NAME_LENGTH + 5;
const MAX_LABELS = 128;
const MAX_LABEL_LENGTH = 63;

/** The EDNS options a reply may repeat (spec §5.2; COOKIE and PADDING are not ours to echo). */
const OPTION_NSID = 3;
const OPTION_EXPIRE = 9;
const OPTION_TCP_KEEPALIVE = 11;
/** An echo longer than this is left out: no client needs it and the buffer stays bounded. */
const MAX_ECHO_LENGTH = 256;

/** Letters A to Z to small ones, every other octet to itself (RFC 4343 §3). */
const LOWER = new Uint8Array(256).map((_, octet) =>
  octet >= 65 && octet <= 90 ? octet + 32 : octet,
);

export class QueryView {
  /** Lower-cased question, then one octet of DO and CD: the cache key. BOUNDED by the longest name. */
  readonly key = Buffer.alloc(MAX_KEY_LENGTH);
  keyLength = 0;
  /** Where each label of `key` starts, left to right. BOUNDED by the number of labels in 255 octets. */
  readonly labelOffsets = new Uint8Array(MAX_LABELS);
  labelCount = 0;
  /** Octets of the name, the root's included. */
  nameLength = 0;

  /** Second header word as sent. */
  flags = 0;
  qtype = 0;
  qclass = 0;
  /** Octets of the whole query. */
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

  /** Reads the message at `packet[start..start + length)`. Returns one of READ_*. */
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
    const records = answers + authorities + additionals;
    const outcome = records === 0 ? READ_OK : this.#readRecords(packet, start, records);
    const flagBits = (this.dnssecOk ? KEY_DO : 0) | ((this.flags & FLAG_CD) !== 0 ? KEY_CD : 0);
    this.key[this.keyLength++] = flagBits;
    return outcome;
  }

  /** The largest reply this client takes over UDP, in octets. */
  get udpLimit(): number {
    // RFC 6891 §6.2.3: "Values lower than 512 MUST be treated as equal to 512."
    return this.ednsSize > MIN_UDP_PAYLOAD ? this.ednsSize : MIN_UDP_PAYLOAD;
  }

  /** Copies the question to `key` in lower case. False when it is cut short, compressed or too long. */
  #readQuestion(packet: Buffer, start: number, end: number): boolean {
    const key = this.key;
    let at = start + HEADER_LENGTH;
    let out = 0;
    let labels = 0;
    for (;;) {
      if (at >= end) return false;
      const labelLength = packet[at++];
      // A pointer (RFC 1035 §4.1.4) has nothing before the question to point to.
      if (labelLength > MAX_LABEL_LENGTH || out + labelLength >= MAX_NAME_LENGTH) return false;
      if (labelLength !== 0) this.labelOffsets[labels++] = out;
      key[out++] = labelLength;
      if (labelLength === 0) break;
      const stop = at + labelLength;
      if (stop > end) return false;
      while (at < stop) key[out++] = LOWER[packet[at++]];
    }
    if (at + 4 > end) return false;
    this.nameLength = out;
    this.labelCount = labels;
    this.qtype = readUint16(packet, at);
    this.qclass = readUint16(packet, at + 2);
    key[out++] = packet[at];
    key[out++] = packet[at + 1];
    key[out++] = packet[at + 2];
    key[out++] = packet[at + 3];
    this.keyLength = out;
    this.questionEnd = at + 4 - start;
    return true;
  }

  /** Walks the records behind the question and reads the OPT record among them. */
  #readRecords(packet: Buffer, start: number, count: number): number {
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
        if (this.hasOpt || packet[owner] !== 0) return READ_FORMERR;
        outcome = this.#readOpt(packet, at, dataEnd);
        if (outcome === READ_FORMERR) return outcome;
      }
      at = dataEnd;
    }
    return outcome;
  }

  /** Reads the OPT record whose TYPE stands at `at` (RFC 6891 §6.1.2). */
  #readOpt(packet: Buffer, at: number, dataEnd: number): number {
    this.hasOpt = true;
    this.ednsSize = readUint16(packet, at + 2);
    this.dnssecOk = (packet[at + 6] & 0x80) !== 0;
    if (dataEnd > at + 10 && !this.#readOptions(packet, at + 10, dataEnd)) return READ_FORMERR;
    // RFC 6891 §6.1.3: "If a responder does not implement the VERSION level of the request, then
    // it MUST respond with RCODE=BADVERS."
    return packet[at + 5] === 0 ? READ_OK : READ_BADVERS;
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

/** The offset behind the name at `at`, or −1 when it does not end before `end`. Pointers end a name. */
export function skipName(message: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const length = message[at];
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= end ? at + 2 : -1;
    // RFC 6891 §5: the label types 01 and 10 are not in use.
    if (length > MAX_LABEL_LENGTH) return -1;
    at += 1 + length;
  }
  return -1;
}
