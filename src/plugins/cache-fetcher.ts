/**
 * How the cache gets what it does not have. Whatever is fetched is fetched once: all who wait for the
 * same get it (cache/flight.ts). It is fetched with the query of the client that gave rise to it, over
 * that client's transport. Clients that want more than their share are refused (miss-queue.ts).
 */
import type { AnswerCache, Kept } from '../cache/answer-cache.ts';
import type { CacheCounters } from '../cache/counters.ts';
import type { FlightTable, Refusal } from '../cache/flight.ts';
import type { Query } from '../dns/query.ts';
import type { Clock } from '../log/clock.ts';
import type { MissQueue } from './miss-queue.ts';
import type { Outcome, Stage } from './stage.ts';
import type { Throttle, ThrottleReason } from './throttle.ts';

/** The metric label of all that comes through here: on a miss, too, the original writes the reply. */
export const PLUGIN = 'cache';

/** What the cache's stage works with. */
export interface CacheModules {
  readonly cache: AnswerCache;
  readonly flights: FlightTable<Fetched>;
  readonly queue: MissQueue;
  readonly throttle: Throttle;
  readonly countersFor: (server: string) => CacheCounters;
  readonly clock: Clock;
  /** What comes behind; misses get to it through `queue`. */
  readonly next: Stage;
  /** The same for names outside the cache's zones. */
  readonly uncached: Stage;
}

/** What a flight brings: the outcome for those who wait, and what the cache made of it. */
export interface Fetched {
  readonly outcome: Outcome;
  /** Null when no message came. */
  readonly kept: Kept | null;
}

export class CacheFetcher {
  readonly #modules: CacheModules;

  constructor(modules: CacheModules) {
    this.#modules = modules;
  }

  /** Whether some client may have its share of the misses that wait. */
  get isPressed(): boolean {
    return this.#modules.queue.isPressed || this.#modules.flights.isPressed;
  }

  /** What a client has its share of; null when it may fetch. */
  shortage(client: string): ThrottleReason | null {
    if (!this.#modules.queue.hasRoom(client)) return 'processor';
    return this.#modules.flights.hasRoom(client) ? null : 'upstream';
  }

  /** Returns null; or why the query may not wait for an answer, and then `landed` is not called. */
  fetch(query: Query, counters: CacheCounters, landed: (fetched: Fetched) => void): Refusal | null {
    const { flights, queue, next, throttle } = this.#modules;
    return flights.board(query, landed, (flight) => {
      const isQueued = queue.run(query, next, (outcome) =>
        flights.land(flight, this.#take(query, outcome, counters)),
      );
      if (isQueued) return;
      const outcome = throttle.refuse(query.client.address, 'processor');
      flights.land(flight, { outcome, kept: null });
    });
  }

  /** Offers what came to the cache. */
  #take(query: Query, outcome: Outcome, counters: CacheCounters): Fetched {
    const { answer } = outcome;
    if (answer === null) return { outcome, kept: null };
    const kept = this.#modules.cache.offer(query, answer, this.#modules.clock.nowMs(), counters);
    const { rcode, error, aaFlag } = outcome;
    return { outcome: { answer, rcode, error, plugin: PLUGIN, aaFlag }, kept };
  }
}
