/**
 * The road through a server block: stages in a fixed order, each answering or asking the next.
 */
import type { CacheCounters } from '../cache/counters.ts';
import type { Answer } from '../dns/answer.ts';
import { RCODE_REFUSED } from '../dns/header.ts';
import type { Client, Query } from '../dns/query.ts';
import type { QueryView } from '../dns/query-view.ts';
import type { StoredAnswer } from '../dns/reply.ts';
import type { Moment } from '../log/clock.ts';

/** How a query ended. `answer` null: the server writes a bare reply with `rcode`. */
export interface Outcome {
  /** Shared with the cache and other clients: valid, with its TTLs, until `done` returns. */
  readonly answer: Answer | null;
  readonly rcode: number;
  /** Why there is no good answer, for the `errors` log; '' when there is nothing to say. */
  readonly error: string;
  /** Which plugin wrote the answer: the metric label; '' when the server writes it. */
  readonly plugin: string;
  /** FLAG_AA to set the bit whatever the answer says, else 0. */
  readonly aaFlag: number;
}

/** Takes the outcome of one query. Must not throw. */
export type Done = (outcome: Outcome) => void;

/** One stop on the road of a query. */
export interface Stage {
  /**
   * Answers `query`: calls `done` exactly once, at once or later, and never throws. The server
   * recovers from a stage that throws synchronously (coredns_panics_total), as a last resort.
   */
  resolve(query: Query, done: Done): void;
}

/** What the short cut finds. */
export interface Hit extends StoredAnswer {
  /** As in Answer: the size that metrics show. */
  readonly uncompressedLength: number;
  /** The answer itself, for a reply that does not fit as it is. Null when it cannot be read. */
  toAnswer(ttlSeconds: number): Answer | null;
}

/** The short cut for answers that lie ready: no Query is built, nothing is allocated. */
export interface HitPath {
  /** The counters of one listener; the same object for the same label, for good. */
  countersFor(server: string): CacheCounters;
  /**
   * The stored answer, counted as a request and a hit; null when the chain must see the query: a miss,
   * a stale entry, one due for prefetch. Null counts nothing.
   */
  hit(view: QueryView, at: Moment, counters: CacheCounters): Hit | null;
  /** The TTL of all records of the last hit, in seconds. */
  readonly hitTtlSeconds: number;
  /** Whether some client may have its share of the misses that wait: `sheds` is worth a question. */
  readonly isPressed: boolean;
  /**
   * Whether a query that `hit` had no answer for is to be refused on the spot, at the price of a
   * hit: nothing stored can answer it, and `client` has its share. Counted if so.
   */
  sheds(view: QueryView, nowMs: number, counters: CacheCounters, client: Client): boolean;
}

/** An outcome with a message. */
export function answered(answer: Answer, plugin: string, aaFlag = 0): Outcome {
  return { answer, rcode: answer.rcode, error: '', plugin, aaFlag };
}

/** The outcome that leaves the client without a reply. Told from others by identity. */
export const DROPPED: Outcome = Object.freeze(failed(RCODE_REFUSED, ''));

/** An outcome without: the server writes `rcode`, `errors` logs `error`. */
export function failed(rcode: number, error: string): Outcome {
  return { answer: null, rcode, error, plugin: '', aaFlag: 0 };
}
