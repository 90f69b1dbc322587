/** Writes names with compression (RFC 1035 §4.1.4). Cold: for messages that are built, not patched. */
import { latin1Slice } from './latin1.ts';
import { LOWER, MAX_LABEL_LENGTH, POINTER } from './name.ts';

/** The last offset that a pointer's fourteen bits can name. */
const MAX_POINTER_TARGET = 0x3fff;

export class NameWriter {
  readonly #target: Buffer;
  /**
   * Where the names and their endings written so far start, by their lower-cased octets. BOUNDED by
   * the labels in the first 16 KiB of one message; the writer lives for one message.
   */
  readonly #offsets = new Map<string, number>();

  constructor(target: Buffer) {
    this.#target = target;
  }

  /**
   * Writes the uncompressed `name` at `at`, its longest known ending as a pointer. The names are
   * compared without regard to letter case (RFC 4343 §4.1). Returns the offset behind it.
   */
  write(name: Uint8Array, at: number): number {
    const target = this.#target;
    const lower = latin1Slice(lowerCase(name), 0, name.length);
    let out = at;
    for (let from = 0; ; ) {
      const length = name[from];
      // The root; or data that is no name, which a plugin may have made: it ends here, so that the
      // message stays readable.
      if (length === 0 || from >= name.length || length > MAX_LABEL_LENGTH) {
        target[out] = 0;
        return out + 1;
      }
      const ending = from === 0 ? lower : lower.slice(from);
      const known = this.#offsets.get(ending);
      if (known !== undefined) {
        target[out] = POINTER | (known >> 8);
        target[out + 1] = known;
        return out + 2;
      }
      if (out <= MAX_POINTER_TARGET) this.#offsets.set(ending, out);
      target.set(name.subarray(from, from + 1 + length), out);
      out += 1 + length;
      from += 1 + length;
    }
  }
}

const scratch = Buffer.allocUnsafeSlow(256);

/** `name` with small letters, in a buffer that the next call uses again. */
function lowerCase(name: Uint8Array): Buffer {
  for (let i = 0; i < name.length; i++) scratch[i] = LOWER[name[i]];
  return scratch;
}
