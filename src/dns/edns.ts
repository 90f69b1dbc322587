/**
 * The OPT record and its options (RFC 6891 §6.1.2), for the plugins that change them. Cold.
 *
 *   | 0 | 0 41 | size | extended rcode | version | DO … | data length | options … |
 *   option: | code | length | data … |
 */
import { HEADER_LENGTH, MAX_MESSAGE_LENGTH, readUint16, writeUint16 } from './header.ts';
import { skipName } from './name.ts';
import { OPT_LENGTH } from './reply.ts';
import { TYPE_OPT } from './type.ts';

/** Extended DNS Errors (RFC 8914). */
const OPTION_EDE = 15;

/** One option. */
export interface EdnsOption {
  readonly code: number;
  readonly data: Buffer;
}

/** Where an OPT record stands in a message. */
export interface OptPlace {
  readonly start: number;
  readonly end: number;
}

/** Offsets within an OPT record. */
const SIZE_AT = 3;
const DATA_LENGTH_AT = 9;

/** Finds the OPT record of a query or response; null without one or when `wire` is malformed. */
export function findOpt(wire: Buffer): OptPlace | null {
  let at = HEADER_LENGTH;
  for (let left = readUint16(wire, 4); left > 0; left--) {
    at = skipName(wire, at, wire.length) + 4;
    if (at < HEADER_LENGTH) return null;
  }
  const additionalStart = readUint16(wire, 6) + readUint16(wire, 8);
  const count = additionalStart + readUint16(wire, 10);
  for (let i = 0; i < count; i++) {
    const start = at;
    const fixed = skipName(wire, start, wire.length);
    if (fixed < 0 || fixed + 10 > wire.length) return null;
    at = fixed + 10 + readUint16(wire, fixed + 8);
    if (at > wire.length) return null;
    if (i >= additionalStart && readUint16(wire, fixed) === TYPE_OPT && fixed === start + 1) {
      return { start, end: at };
    }
  }
  return null;
}

/** A copy of `wire` whose OPT record names at most `size` octets; `wire` itself if it does so already. */
export function withEdnsSize(wire: Buffer, size: number): Buffer {
  const opt = findOpt(wire);
  if (opt === null || readUint16(wire, opt.start + SIZE_AT) <= size) return wire;
  const copy = Buffer.from(wire);
  writeUint16(copy, opt.start + SIZE_AT, size);
  return copy;
}

/** The options of an OPT record in wire form; null when one runs over the record's end. */
export function readOptions(opt: Buffer): EdnsOption[] | null {
  const options: EdnsOption[] = [];
  for (let at = OPT_LENGTH; at < opt.length; ) {
    const end = at + 4 + readUint16(opt, at + 2);
    if (at + 4 > opt.length || end > opt.length) return null;
    options.push({ code: readUint16(opt, at), data: Buffer.from(opt.subarray(at + 4, end)) });
    at = end;
  }
  return options;
}

/** Options in wire form, as `writeReply` echoes them. */
export function writeOptions(options: readonly EdnsOption[]): Buffer {
  const parts: Buffer[] = [];
  for (const { code, data } of options) {
    const head = Buffer.alloc(4);
    writeUint16(head, 0, code);
    writeUint16(head, 2, data.length);
    parts.push(head, data);
  }
  return Buffer.concat(parts);
}

/** An OPT record in wire form: version 0, DO not set. */
function optRecord(size: number, data: Buffer): Buffer {
  const record = Buffer.alloc(OPT_LENGTH);
  writeUint16(record, 1, TYPE_OPT);
  writeUint16(record, SIZE_AT, size);
  writeUint16(record, DATA_LENGTH_AT, data.length);
  return Buffer.concat([record, data]);
}

/** An Extended DNS Error option (RFC 8914 §2). */
export function extendedError(infoCode: number, extraText: string): EdnsOption {
  const code = Buffer.alloc(2);
  writeUint16(code, 0, infoCode);
  return { code: OPTION_EDE, data: Buffer.concat([code, Buffer.from(extraText)]) };
}

/** The options of the message's OPT record; null without one or when it is malformed. */
export function optionsOf(wire: Buffer): EdnsOption[] | null {
  const opt = findOpt(wire);
  return opt === null ? null : readOptions(wire.subarray(opt.start, opt.end));
}

/**
 * A copy of a query or response whose OPT record has these options instead of its own. Where there
 * is no OPT record, one that takes `newSize` octets is added. Returns null when `wire` is malformed
 * or the result too long for a message.
 */
export function withOptions(
  wire: Buffer,
  options: readonly EdnsOption[],
  newSize: number,
): Buffer | null {
  const opt = findOpt(wire);
  const data = writeOptions(options);
  const fits = (length: number): boolean => length <= MAX_MESSAGE_LENGTH;
  if (opt === null) {
    if (!fits(wire.length + OPT_LENGTH + data.length)) return null;
    const added = Buffer.concat([wire, optRecord(newSize, data)]);
    writeUint16(added, 10, readUint16(wire, 10) + 1);
    return added;
  }
  const head = opt.start + OPT_LENGTH;
  if (!fits(wire.length - (opt.end - head) + data.length)) return null;
  const changed = Buffer.concat([wire.subarray(0, head), data, wire.subarray(opt.end)]);
  writeUint16(changed, opt.start + DATA_LENGTH_AT, data.length);
  return changed;
}
