/**
 * One stored answer.
 *
 * Its records are kept as a string of one character per octet, not as a Buffer: that takes about half
 * the memory (docs/decisions/0002-cache-store.md). The question stands in the key.
 */
import { type Answer, readAnswer } from '../dns/answer.ts';
import { HEADER_LENGTH, RCODE_MASK, readUint16, writeUint16 } from '../dns/header.ts';
import { latin1Slice } from '../dns/latin1.ts';
import type { StoredAnswer } from '../dns/reply.ts';
import type { Keyed } from '../tables/key-table.ts';
import { NONE } from '../tables/slot-links.ts';
import { isDenial } from './classification.ts';
import type { Tally } from './counters.ts';

/** What an entry costs beside the octets of its answer and key: objects, links, hash table. */
const ENTRY_OVERHEAD_OCTETS = 250;

/** How an entry is kept. */
export interface EntryOptions {
  readonly kind: number;
  readonly lifetimeSeconds: number;
  /** It holds a record of the type asked for. */
  readonly answersQuestion: boolean;
  readonly storedAtMs: number;
  /** How long it is of use after it expired. */
  readonly staleMs: number;
  /** Where each use is counted, beside the cache's own counters. */
  readonly tally?: Tally | null;
}

export class Entry implements StoredAnswer, Keyed {
  readonly key: string;
  readonly records: string;
  readonly ttlOffsets: string;
  readonly flags: number;
  readonly questionEnd: number;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  readonly uncompressedLength: number;
  readonly kind: number;
  readonly answersQuestion: boolean;
  readonly lifetimeSeconds: number;
  readonly expiresAtMs: number;
  /** From this second on it is of no use to anyone. */
  readonly discardSecond: number;
  readonly tally: Tally | null;
  /** Hits since it was last spared when room was needed. */
  uses = 0;
  /** Hits in a row, as `noteHit` counts them. */
  hits = 0;
  lastHitAtMs = 0;
  /** A newer answer is on its way. */
  refreshing = false;
  /** After a refresh that failed: not before this time again. */
  retryAtMs = 0;
  slot = NONE;

  constructor(key: string, answer: Answer, options: EntryOptions) {
    this.key = key;
    this.records = latin1Slice(answer.wire, answer.questionEnd, answer.wire.length);
    this.ttlOffsets = offsetsAsText(answer.ttlOffsets);
    // The response code of the header: an extended one is the upstream hop's business.
    this.flags = readUint16(answer.wire, 2);
    this.questionEnd = answer.questionEnd;
    this.answerCount = answer.answerCount;
    this.authorityCount = answer.authorityCount;
    this.additionalCount = answer.additionalCount;
    this.uncompressedLength = answer.uncompressedLength;
    this.kind = options.kind;
    this.answersQuestion = options.answersQuestion;
    this.lifetimeSeconds = options.lifetimeSeconds;
    this.tally = options.tally ?? null;
    // Whole numbers: V8 keeps them in the object, fractions beside it.
    this.expiresAtMs = Math.floor(options.storedAtMs) + options.lifetimeSeconds * 1000;
    this.discardSecond = Math.ceil((this.expiresAtMs + options.staleMs) / 1000);
  }

  get isDenial(): boolean {
    return isDenial(this.kind);
  }

  get rcode(): number {
    return this.flags & RCODE_MASK;
  }

  /** What this entry takes of the memory budget. */
  get octets(): number {
    return ENTRY_OVERHEAD_OCTETS + this.key.length + this.records.length + this.ttlOffsets.length;
  }

  /** Seconds to live: above 0 while it is fresh. */
  remainingSeconds(nowMs: number): number {
    return Math.ceil((this.expiresAtMs - nowMs) / 1000);
  }

  /** Hits in a row if there is one now: a pause longer than `windowMs` starts over. */
  hitsWith(nowMs: number, windowMs: number): number {
    return nowMs - this.lastHitAtMs > windowMs ? 1 : this.hits + 1;
  }

  noteHit(nowMs: number, windowMs: number): void {
    this.hits = this.hitsWith(nowMs, windowMs);
    this.lastHitAtMs = Math.floor(nowMs);
  }

  /** The message, its name in lower case, its TTLs those of the upstream or of `setTtl` before. */
  toWire(): Buffer {
    const wire = Buffer.alloc(this.questionEnd + this.records.length);
    writeUint16(wire, 2, this.flags);
    writeUint16(wire, 4, 1);
    writeUint16(wire, 6, this.answerCount);
    writeUint16(wire, 8, this.authorityCount);
    writeUint16(wire, 10, this.additionalCount);
    // The key is the question and one octet more, which the records overwrite.
    wire.write(this.key, HEADER_LENGTH, 'latin1');
    wire.write(this.records, this.questionEnd, 'latin1');
    return wire;
  }

  /** An answer of its own, for a way down which other queries may be answered meanwhile. */
  toAnswer(ttlSeconds: number): Answer | null {
    const answer = readAnswer(this.toWire());
    answer?.setTtl(ttlSeconds);
    return answer;
  }
}

/** One character per offset. Offsets below 256, the most usual, share V8's single-character strings. */
function offsetsAsText(offsets: readonly number[]): string {
  let text = '';
  for (const offset of offsets) text += String.fromCharCode(offset);
  return text;
}
