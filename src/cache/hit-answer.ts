/** Entries made ready to be sent without allocating. */
import { type Answer, readAnswer } from '../dns/answer.ts';
import {
  FLAG_QR,
  HEADER_LENGTH,
  MAX_MESSAGE_LENGTH,
  RCODE_MASK,
  readUint16,
  writeUint16,
  writeUint32,
} from '../dns/header.ts';
import type { Entry } from './entry.ts';

/** Answers of fewer octets have a view of their own on the memory. */
const MAX_KEPT_VIEWS = 1232;
/** Answers of fewer records have a list of their own for their offsets. */
const MAX_KEPT_LISTS = 64;

/** What `fill` writes: the fields of an Answer that the server reads on a hit. */
type Filled = {
  -readonly [Field in
    | 'wire'
    | 'flags'
    | 'rcode'
    | 'questionEnd'
    | 'ttlOffsets'
    | 'answerCount'
    | 'authorityCount'
    | 'additionalCount'
    | 'uncompressedLength'
    | 'minTtlSeconds']: Answer[Field];
};

/** A string's way into memory, which @types/node does not know. */
interface Latin1Writable {
  latin1Write(text: string, at: number, length: number): number;
}

/**
 * One Answer that is filled again for each hit. What `fill` returns is valid until the next `fill`:
 * for a caller that writes its reply at once. `setTtl` is not for it.
 */
export class HitAnswer {
  readonly #answer = placeholder();
  readonly #filled: Filled = this.#answer;
  readonly #octets = Buffer.allocUnsafeSlow(MAX_MESSAGE_LENGTH) as Buffer & Latin1Writable;
  /** Views on #octets by length. BOUNDED by MAX_KEPT_VIEWS. */
  readonly #wires: (Buffer | undefined)[] = new Array(MAX_KEPT_VIEWS).fill(undefined);
  /** Lists of so many offsets, written anew for each hit. BOUNDED by MAX_KEPT_LISTS. */
  readonly #offsetLists: number[][] = [];

  /** The answer that `entry` holds, all its records with this TTL. */
  fill(entry: Entry, ttlSeconds: number): Answer {
    const octets = this.#octets;
    const filled = this.#filled;
    const { wire, ttlOffsets } = entry;
    const offsets = this.#offsetList(ttlOffsets.length);
    octets.latin1Write(wire, 0, wire.length);
    for (let i = 0; i < ttlOffsets.length; i++) {
      const at = ttlOffsets.charCodeAt(i);
      offsets[i] = at;
      writeUint32(octets, at, ttlSeconds);
    }
    filled.wire = this.#wire(wire.length);
    filled.ttlOffsets = offsets;
    filled.flags = readUint16(octets, 2);
    filled.rcode = filled.flags & RCODE_MASK;
    filled.questionEnd = entry.questionEnd;
    filled.answerCount = readUint16(octets, 6);
    filled.authorityCount = readUint16(octets, 8);
    filled.additionalCount = readUint16(octets, 10);
    filled.uncompressedLength = entry.uncompressedLength;
    filled.minTtlSeconds = ttlSeconds;
    return this.#answer;
  }

  #wire(length: number): Buffer {
    if (length >= MAX_KEPT_VIEWS) return this.#octets.subarray(0, length);
    const known = this.#wires[length];
    if (known !== undefined) return known;
    const view = this.#octets.subarray(0, length);
    this.#wires[length] = view;
    return view;
  }

  #offsetList(count: number): number[] {
    const lists = this.#offsetLists;
    if (count >= MAX_KEPT_LISTS) return new Array(count).fill(0);
    while (lists.length <= count) lists.push(new Array(lists.length).fill(0));
    return lists[count];
  }
}

/** An answer without records to the question for the root. */
function placeholder(): Answer {
  const message = Buffer.alloc(HEADER_LENGTH + 5);
  writeUint16(message, 2, FLAG_QR);
  writeUint16(message, 4, 1);
  const answer = readAnswer(message);
  if (answer === null) throw new Error('the smallest answer cannot be read');
  return answer;
}
