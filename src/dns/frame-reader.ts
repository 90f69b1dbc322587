/** Finds the messages in a TCP stream: two octets of length before each (RFC 1035 §4.2.2). */
import { readUint16 } from './header.ts';

/** Octets of a message's length. */
const PREFIX_LENGTH = 2;

/** Takes the message at `chunk[start..end)`, which is only valid during the call. */
export type OnFrame = (chunk: Buffer, start: number, end: number) => void;

export class FrameReader {
  readonly #onFrame: OnFrame;
  /** A frame that has not arrived whole. BOUNDED by the longest message. */
  #partial: Buffer = Buffer.alloc(0);
  #partialLength = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** True while part of a message has arrived and the rest has not. */
  get isMidFrame(): boolean {
    return this.#partialLength > 0;
  }

  /** Takes the first `length` octets of `chunk`. Whole frames are handed on where they lie. */
  push(chunk: Buffer, length: number): void {
    let at = this.#partialLength === 0 ? 0 : this.#complete(chunk, length);
    while (length - at >= PREFIX_LENGTH) {
      const end = at + PREFIX_LENGTH + readUint16(chunk, at);
      if (end > length) break;
      this.#onFrame(chunk, at + PREFIX_LENGTH, end);
      at = end;
    }
    if (at < length) this.#keep(chunk, at, length);
  }

  /** Fills the frame begun before. Returns how much of `chunk` that took. */
  #complete(chunk: Buffer, length: number): number {
    let at = 0;
    if (this.#partialLength < PREFIX_LENGTH) at = this.#keep(chunk, 0, 1);
    const frameLength = PREFIX_LENGTH + readUint16(this.#partial, 0);
    const missing = frameLength - this.#partialLength;
    at = this.#keep(chunk, at, Math.min(length, at + missing));
    if (this.#partialLength < frameLength) return length;
    const frame = this.#partial;
    this.#partialLength = 0;
    this.#onFrame(frame, PREFIX_LENGTH, frameLength);
    return at;
  }

  /** Adds `chunk[from..to)` to the frame begun. Returns `to`. */
  #keep(chunk: Buffer, from: number, to: number): number {
    const needed = this.#partialLength + to - from;
    if (needed > this.#partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#partial.length, 512));
      this.#partial.copy(larger, 0, 0, this.#partialLength);
      this.#partial = larger;
    }
    chunk.copy(this.#partial, this.#partialLength, from, to);
    this.#partialLength = needed;
    return to;
  }
}
