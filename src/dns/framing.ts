/**
 * Messages on a byte stream: each is preceded by its length in two octets (RFC 1035 §4.2.2).
 *
 *   chunk     | 0 28 | message … | 0 30 | mess |
 *   chunk     | age … | 0 |
 *   chunk     | 28 | message … |
 */
import { readUint16, writeUint16 } from './header.ts';

/** Octets in front of each message. */
export const FRAME_PREFIX = 2;

/** No message is being gathered. */
const NOTHING = Buffer.alloc(0);
/** Room for a message of unknown progress: grows with what really comes. */
const FIRST_CAPACITY = 512;

/**
 * Takes one message at `chunk[start..end)`, valid until it returns. The octets behind it are the
 * next message: nothing may be written there. Must not throw.
 */
export type OnFrame = (chunk: Buffer, start: number, end: number) => void;

/**
 * Cuts a stream into messages. A message that lies within one chunk is handed on in place; only
 * one that is spread over several is gathered.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** The first octet of a prefix that was cut in two; −1 without. */
  #prefixOctet = -1;
  /** Length of the message being gathered; −1 between messages. */
  #wanted = -1;
  /**
   * What has come of it. BOUNDED by twice that: a peer that announces 65,535 octets and sends three
   * costs us no more than it sends.
   */
  #partial: Buffer = NOTHING;
  #gathered = 0;
  #isStopped = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** True while part of a message has arrived and the rest has not. */
  get isMidFrame(): boolean {
    return this.#wanted >= 0 || this.#prefixOctet >= 0;
  }

  /** Hands on no more messages, not even those of the chunk being read. `onFrame` may call it. */
  stop(): void {
    this.#isStopped = true;
    this.#partial = NOTHING;
  }

  /** Takes the first `length` octets of `chunk`. Keeps no reference to it. */
  push(chunk: Buffer, length: number = chunk.length): void {
    let at = 0;
    while (at < length && !this.#isStopped) {
      at = this.#wanted < 0 ? this.#readPrefix(chunk, at, length) : this.#gather(chunk, at, length);
    }
  }

  /** Reads a prefix, and the message too if all of it is there. Returns how far it came. */
  #readPrefix(chunk: Buffer, at: number, end: number): number {
    const wasCut = this.#prefixOctet >= 0;
    if (!wasCut && at + FRAME_PREFIX > end) {
      this.#prefixOctet = chunk[at];
      return at + 1;
    }
    const length = wasCut ? (this.#prefixOctet << 8) | chunk[at] : readUint16(chunk, at);
    const start = wasCut ? at + 1 : at + FRAME_PREFIX;
    this.#prefixOctet = -1;
    if (start + length <= end) {
      this.#onFrame(chunk, start, start + length);
      return start + length;
    }
    this.#wanted = length;
    this.#gathered = 0;
    return start;
  }

  /** Adds to the message being gathered. Returns how far it came. */
  #gather(chunk: Buffer, at: number, end: number): number {
    const next = Math.min(at + this.#wanted - this.#gathered, end);
    const gathered = this.#gathered + next - at;
    if (gathered > this.#partial.length) this.#grow(gathered);
    chunk.copy(this.#partial, this.#gathered, at, next);
    this.#gathered = gathered;
    if (gathered === this.#wanted) {
      const message = this.#partial;
      this.#wanted = -1;
      this.#partial = NOTHING;
      this.#onFrame(message, 0, gathered);
    }
    return next;
  }

  /** Makes room for `needed` octets and, unless the message ends there, as many to come. */
  #grow(needed: number): void {
    const capacity = Math.min(Math.max(2 * needed, FIRST_CAPACITY), this.#wanted);
    const larger = Buffer.allocUnsafe(capacity);
    this.#partial.copy(larger, 0, 0, this.#gathered);
    this.#partial = larger;
  }
}

/** A message with its length in front, in a buffer of its own. `message` has at most 65,535 octets. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_PREFIX + message.length);
  writeUint16(framed, 0, message.length);
  framed.set(message, FRAME_PREFIX);
  return framed;
}
