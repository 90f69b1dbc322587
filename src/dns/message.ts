/**
 * A message as an object, for the plugins that change records and for replies that are built. The
 * packet path does without: it reads, patches and cuts the wire form in place.
 *
 * dns-packet cannot do this: it takes labels for text, and writes no compression.
 */
import {
  FLAG_TC,
  HEADER_LENGTH,
  MAX_MESSAGE_LENGTH,
  readUint16,
  readUint32,
  writeUint16,
  writeUint32,
} from './header.ts';
import { expandedNameLength, expandName, skipName } from './name.ts';
import { NameWriter } from './name-writer.ts';
import { expandRdata, rdataLayout, skipToNames } from './rdata.ts';
import { TYPE_OPT } from './type.ts';

/** One question. */
export interface Question {
  /** Uncompressed wire form, letter case kept. */
  readonly name: Buffer;
  readonly type: number;
  readonly class: number;
}

/** One record. An OPT record is one too: its class is a size, its TTL are flags (RFC 6891 §6.1.2). */
export interface ResourceRecord {
  /** Uncompressed wire form, letter case kept. */
  readonly name: Buffer;
  readonly type: number;
  readonly class: number;
  readonly ttlSeconds: number;
  /** Names in it are uncompressed (rdata.ts says which are looked for). */
  readonly rdata: Buffer;
}

/** A whole message. Owns its buffers. */
export interface Message {
  readonly id: number;
  /** Second header word: FLAG_*, opcode and response code (header.ts). */
  readonly flags: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** Octets of a record's type, class, TTL and length. */
const FIXED_LENGTH = 10;

/**
 * Reads a message. Returns null when it is cut short, a name in it is malformed (label too long,
 * name too long, a pointer that does not lead to the front), or the data of a type with names does
 * not fill its length. Octets behind the last record are ignored.
 */
export function decodeMessage(wire: Buffer): Message | null {
  if (wire.length < HEADER_LENGTH) return null;
  const reader: Reader = { wire, at: HEADER_LENGTH };
  const questions = readList(reader, readUint16(wire, 4), readQuestion);
  const answers = questions && readList(reader, readUint16(wire, 6), readRecord);
  const authorities = answers && readList(reader, readUint16(wire, 8), readRecord);
  const additionals = authorities && readList(reader, readUint16(wire, 10), readRecord);
  if (!questions || !answers || !authorities || !additionals) return null;
  const [id, flags] = [readUint16(wire, 0), readUint16(wire, 2)];
  return { id, flags, questions, answers, authorities, additionals };
}

/**
 * Writes a message with names compressed, where RFC 3597 §4 allows it. Whole records are kept in
 * order while they fit `limit`; if any is left out, TC is set. An OPT record in the additional
 * section always stays, as the last record. Header and questions are written even beyond `limit`.
 */
export function encodeMessage(message: Message, limit: number = MAX_MESSAGE_LENGTH): Buffer {
  const opt = message.additionals.find((record) => record.type === TYPE_OPT);
  const writer = new MessageWriter(message, opt === undefined ? limit : limit - lengthOf(opt));
  const counts = [
    writer.writeRecords(message.answers),
    writer.writeRecords(message.authorities),
    writer.writeRecords(message.additionals.filter((record) => record.type !== TYPE_OPT)),
  ];
  if (opt !== undefined) {
    writer.writeLast(opt);
    counts[2]++;
  }
  return writer.finish(counts);
}

/** Where reading has got to. */
interface Reader {
  readonly wire: Buffer;
  at: number;
}

/** Reads `count` things; null as soon as one cannot be read. */
function readList<T>(
  reader: Reader,
  count: number,
  read: (reader: Reader) => T | null,
): T[] | null {
  const list: T[] = [];
  for (let i = 0; i < count; i++) {
    const thing = read(reader);
    if (thing === null) return null;
    list.push(thing);
  }
  return list;
}

/** Reads a name and stops behind it. */
function readName(reader: Reader): Buffer | null {
  const { wire, at } = reader;
  const length = expandedNameLength(wire, at, wire.length);
  if (length < 0) return null;
  const name = Buffer.allocUnsafe(length);
  expandName(wire, at, name, 0);
  reader.at = skipName(wire, at, wire.length);
  return name;
}

function readQuestion(reader: Reader): Question | null {
  const name = readName(reader);
  const { wire, at } = reader;
  if (name === null || at + 4 > wire.length) return null;
  reader.at = at + 4;
  return { name, type: readUint16(wire, at), class: readUint16(wire, at + 2) };
}

function readRecord(reader: Reader): ResourceRecord | null {
  const name = readName(reader);
  const { wire, at } = reader;
  if (name === null || at + FIXED_LENGTH > wire.length) return null;
  const type = readUint16(wire, at);
  const end = at + FIXED_LENGTH + readUint16(wire, at + 8);
  if (end > wire.length) return null;
  const rdata = expandRdata(wire, type, at + FIXED_LENGTH, end);
  if (rdata === null) return null;
  reader.at = end;
  return {
    name,
    type,
    class: readUint16(wire, at + 2),
    ttlSeconds: readUint32(wire, at + 4),
    rdata,
  };
}

/** Octets of a record whose names are written out. */
function lengthOf(record: ResourceRecord): number {
  return record.name.length + FIXED_LENGTH + record.rdata.length;
}

/** Writes one message, front to back. */
class MessageWriter {
  readonly #target: Buffer;
  readonly #names: NameWriter;
  /** Octets for everything but the OPT record. */
  readonly #limit: number;
  #at = HEADER_LENGTH;
  /** Set by the first record that does not fit: none is written behind it. */
  #full = false;

  constructor(message: Message, limit: number) {
    let length = HEADER_LENGTH;
    for (const question of message.questions) length += question.name.length + 4;
    for (const section of [message.answers, message.authorities, message.additionals]) {
      for (const record of section) length += lengthOf(record);
    }
    this.#target = Buffer.allocUnsafe(length);
    this.#names = new NameWriter(this.#target);
    this.#limit = limit;
    writeUint16(this.#target, 0, message.id);
    writeUint16(this.#target, 2, message.flags);
    writeUint16(this.#target, 4, message.questions.length);
    for (const question of message.questions) {
      const at = this.#names.write(question.name, this.#at);
      writeUint16(this.#target, at, question.type);
      writeUint16(this.#target, at + 2, question.class);
      this.#at = at + 4;
    }
  }

  /** Writes the records that fit. Returns their number. */
  writeRecords(records: readonly ResourceRecord[]): number {
    for (let i = 0; i < records.length; i++) {
      const end = this.#full ? -1 : this.#write(records[i]);
      if (end < 0 || end > this.#limit) {
        this.#full = true;
        return i;
      }
      this.#at = end;
    }
    return records.length;
  }

  /** Writes the OPT record, for which room was kept. */
  writeLast(opt: ResourceRecord): void {
    this.#at = this.#write(opt);
  }

  /** The message, with its counts, and TC if a record was left out. */
  finish(counts: readonly number[]): Buffer {
    const target = this.#target;
    if (this.#full) writeUint16(target, 2, readUint16(target, 2) | FLAG_TC);
    counts.forEach((count, section) => {
      writeUint16(target, 6 + 2 * section, count);
    });
    return target.subarray(0, this.#at);
  }

  /** Writes one record at the end, whether or not it fits. Returns where it ends. */
  #write(record: ResourceRecord): number {
    const target = this.#target;
    const at = this.#names.write(record.name, this.#at);
    writeUint16(target, at, record.type);
    writeUint16(target, at + 2, record.class);
    writeUint32(target, at + 4, record.ttlSeconds);
    const end = this.#writeData(record, at + FIXED_LENGTH);
    writeUint16(target, at + 8, end - at - FIXED_LENGTH);
    return end;
  }

  /** Writes a record's data, its names compressed if its type allows. Returns where it ends. */
  #writeData(record: ResourceRecord, to: number): number {
    const { rdata } = record;
    const layout = rdataLayout(record.type);
    if (layout === undefined || !layout.compressible) return to + rdata.copy(this.#target, to);
    // A plugin may have made data that does not fit its type: written as it is.
    let from = skipToNames(rdata, layout, 0, rdata.length);
    if (from < 0) return to + rdata.copy(this.#target, to);
    let out = to + rdata.copy(this.#target, to, 0, from);
    for (let i = 0; i < layout.names; i++) {
      const end = skipName(rdata, from, rdata.length);
      if (end < 0) break;
      out = this.#names.write(rdata.subarray(from, end), out);
      from = end;
    }
    return out + rdata.copy(this.#target, out, from);
  }
}
