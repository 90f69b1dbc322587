/**
 * What one instance tells the next of its caches, as octets:
 *
 * ```
 *  "nodelocaldns cache 1\n"
 *  frames: | length u32 | kind u8 | body |      length: of kind and body
 *    kind 1, a cache: its name; the entries that follow are its own
 *    kind 2, an entry: | remaining i32, ms | key length u16 | key | answer |
 *    kind 3, the end
 * ```
 * Numbers are big-endian. Another format has another first line.
 */
import type { Inherited } from '../cache/answer-cache.ts';
import type { Entry } from '../cache/entry.ts';
import { MAX_MESSAGE_LENGTH } from '../dns/header.ts';
import { latin1Slice } from '../dns/latin1.ts';
import { MAX_NAME_LENGTH } from '../dns/name.ts';

export const PREAMBLE = Buffer.from('nodelocaldns cache 1\n', 'latin1');

const KIND_CACHE = 1;
const KIND_ENTRY = 2;
const KIND_END = 3;

const LENGTH_OCTETS = 4;
/** Of an entry: kind, remaining time, length of the key. */
const ENTRY_HEAD = 7;
/** A key is a name, four octets of type and class, and one of flags. */
const MAX_KEY_LENGTH = MAX_NAME_LENGTH + 5;
const MAX_FRAME_LENGTH = ENTRY_HEAD + MAX_KEY_LENGTH + MAX_MESSAGE_LENGTH;

const MAX_INT32 = 0x7fff_ffff;

/** The frame that begins a cache. */
export function cacheFrame(name: string): Buffer {
  const frame = Buffer.alloc(LENGTH_OCTETS + 1 + Buffer.byteLength(name));
  frame.writeUInt32BE(frame.length - LENGTH_OCTETS);
  frame[LENGTH_OCTETS] = KIND_CACHE;
  frame.write(name, LENGTH_OCTETS + 1);
  return frame;
}

export function entryFrame(entry: Entry, nowMs: number): Buffer {
  const { key, expiresAtMs } = entry;
  const wire = entry.toWire();
  const length = ENTRY_HEAD + key.length + wire.length;
  const frame = Buffer.allocUnsafe(LENGTH_OCTETS + length);
  const remainingMs = Math.trunc(expiresAtMs - nowMs);
  frame.writeUInt32BE(length);
  frame[4] = KIND_ENTRY;
  frame.writeInt32BE(Math.max(-MAX_INT32, Math.min(remainingMs, MAX_INT32)), 5);
  frame.writeUInt16BE(key.length, 9);
  frame.write(key, 11, 'latin1');
  wire.copy(frame, 11 + key.length);
  return frame;
}

export const END_FRAME = Buffer.from([0, 0, 0, 1, KIND_END]);

/** An entry, and the name of its cache. */
export interface ReceivedEntry extends Inherited {
  readonly cache: string;
}

/** Reads the octets as they come. What was read before something malformed is not to be used. */
export class HandOverReader {
  readonly #take: (entry: ReceivedEntry) => void;
  /** Octets of a frame that is not complete. BOUNDED by MAX_FRAME_LENGTH and a chunk. */
  #rest: Buffer = Buffer.alloc(0);
  #cache: string | null = null;
  #hasPreamble = false;
  #hasEnded = false;

  /** @param take is given each entry; its `wire` is valid within the call */
  constructor(take: (entry: ReceivedEntry) => void) {
    this.#take = take;
  }

  /** Whether all has been read. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** False when this cannot be what it should be. */
  push(chunk: Buffer): boolean {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (!this.#hasPreamble) {
      const start = data.subarray(0, PREAMBLE.length);
      if (!PREAMBLE.subarray(0, start.length).equals(start)) return false;
      this.#hasPreamble = start.length === PREAMBLE.length;
      if (this.#hasPreamble) at = PREAMBLE.length;
    }
    while (this.#hasPreamble && at + LENGTH_OCTETS <= data.length) {
      const length = data.readUInt32BE(at);
      if (length === 0 || length > MAX_FRAME_LENGTH) return false;
      const end = at + LENGTH_OCTETS + length;
      if (end > data.length) break;
      if (this.#hasEnded || !this.#read(data.subarray(at + LENGTH_OCTETS, end))) return false;
      at = end;
    }
    // A copy: a small rest would keep a whole chunk alive.
    this.#rest = Buffer.from(data.subarray(at));
    return !(this.#hasEnded && this.#rest.length > 0);
  }

  #read(frame: Buffer): boolean {
    const kind = frame[0];
    if (kind === KIND_CACHE) this.#cache = frame.toString('utf8', 1);
    else if (kind === KIND_END) this.#hasEnded = frame.length === 1;
    else if (kind !== KIND_ENTRY) return false;
    else return this.#readEntry(frame);
    return kind === KIND_CACHE || this.#hasEnded;
  }

  #readEntry(frame: Buffer): boolean {
    if (this.#cache === null || frame.length < ENTRY_HEAD) return false;
    const keyLength = frame.readUInt16BE(5);
    const wireStart = ENTRY_HEAD + keyLength;
    if (keyLength > MAX_KEY_LENGTH || wireStart >= frame.length) return false;
    this.#take({
      cache: this.#cache,
      key: latin1Slice(frame, ENTRY_HEAD, wireStart),
      wire: frame.subarray(wireStart),
      remainingMs: frame.readInt32BE(1),
    });
    return true;
  }
}
