/**
 * One stored answer.
 *
 * The wire form is kept as a string of one character per octet, not as a Buffer: that takes about half
 * the memory (docs/decisions/0002-cache-store.md).
 */
import { type Answer, readAnswer } from '../dns/answer.ts';
import { HEADER_LENGTH } from '../dns/header.ts';
import { latin1Slice } from '../dns/latin1.ts';
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

export class Entry {
  readonly key: string;
  /** Header, question and records, one character per octet. */
  readonly wire: string;
  /** Where the TTLs stand in `wire`, one character each. */
  readonly ttlOffsets: string;
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
  /** Neighbours among the entries with the same `discardSecond`; owned by DiscardQueue. */
  earlier: Entry | null = null;
  later: Entry | null = null;

  constructor(key: string, answer: Answer, options: EntryOptions) {
    this.key = key;
    this.wire = latin1Slice(answer.wire, 0, answer.wire.length);
    this.ttlOffsets = offsetsAsText(answer.ttlOffsets);
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

  /** Where the question ends in `wire`. The key is the question and one octet more. */
  get questionEnd(): number {
    return HEADER_LENGTH + this.key.length - 1;
  }

  /** What this entry takes of the memory budget. */
  get octets(): number {
    return ENTRY_OVERHEAD_OCTETS + this.key.length + this.wire.length + this.ttlOffsets.length;
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

  /** An answer of its own, for a way down which other queries may be answered meanwhile. */
  toAnswer(ttlSeconds: number): Answer | null {
    const answer = readAnswer(Buffer.from(this.wire, 'latin1'));
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
