/** The attempts that wait on one carrier, and which of them a message answers. */
import { readAnswer } from '../dns/answer.ts';
import { HEADER_LENGTH, readUint16 } from '../dns/header.ts';
import { SlotMap } from '../tables/slot-map.ts';
import { type Attempt, type Carrier, DIFFERS, LETTERS_DIFFER, matchQuestion } from './attempt.ts';
import { restoreLetters } from './letter-case.ts';
import { random16 } from './random.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Attempts that may wait on one carrier; more would make IDs guessable and losses large. */
const MAX_PENDING = 4096;

export class Pending {
  /** Answers taken. */
  answered = 0;
  readonly #counters: UpstreamCounters;
  /** By ID. BOUNDED by MAX_PENDING. */
  readonly #attempts = new SlotMap<number, Attempt>();
  #lastAnswerAtMs = Number.NEGATIVE_INFINITY;

  constructor(counters: UpstreamCounters) {
    this.#counters = counters;
  }

  get size(): number {
    return this.#attempts.size;
  }

  get hasRoom(): boolean {
    return this.#attempts.size < MAX_PENDING;
  }

  /** Draws an ID that no other attempt here has. */
  add(attempt: Attempt, carrier: Carrier, nowMs: number): void {
    let id = random16();
    while (this.#attempts.has(id)) id = random16();
    this.#attempts.add(id, attempt);
    attempt.id = id;
    attempt.carrier = carrier;
    attempt.sentAtMs = nowMs;
  }

  /** False when it does not wait here. */
  remove(attempt: Attempt): boolean {
    return this.#attempts.get(attempt.id) === attempt && this.#attempts.delete(attempt.id);
  }

  /** Takes away all attempts, or those that `goes` is true for. */
  release(goes: (attempt: Attempt) => boolean = () => true): Attempt[] {
    const released = this.#attempts.values().filter(goes);
    for (const attempt of released) {
      this.#attempts.delete(attempt.id);
      attempt.carrier = null;
    }
    return released;
  }

  /** True when nothing was answered since the attempt was sent. */
  isSilentSince(attempt: Attempt): boolean {
    return this.#lastAnswerAtMs <= attempt.sentAtMs;
  }

  /**
   * Takes `message[start..end)` and hands it to the attempt it answers. RFC 5452 §9.1: ID and question
   * "MUST" match. What does not is counted and left: the right answer may still come. Copies what it
   * keeps, and may change the letters of names.
   */
  take(message: Buffer, start: number, end: number, nowMs: number): void {
    const { ignored } = this.#counters;
    if (end - start < HEADER_LENGTH) {
      ignored.malformed++;
      return;
    }
    const attempt = this.#attempts.get(readUint16(message, start));
    if (attempt === undefined) {
      ignored.id++;
      return;
    }
    const match = matchQuestion(message, start, end, attempt);
    if (match === DIFFERS) {
      ignored.question++;
      return;
    }
    if (match === LETTERS_DIFFER) {
      ignored.case++;
      attempt.owner.doubted(attempt, nowMs);
      return;
    }
    if (attempt.hasOwnLetters) {
      restoreLetters(message.subarray(start, end), attempt.wire, attempt.query);
    }
    const answer = readAnswer(message, start, end);
    if (answer === null) {
      ignored.malformed++;
      return;
    }
    this.answered++;
    this.#lastAnswerAtMs = nowMs;
    this.#attempts.delete(attempt.id);
    attempt.carrier = null;
    attempt.owner.answered(attempt, answer, nowMs);
  }
}
