/**
 * Questions on their way upstream. Those that the upstream cannot tell apart travel together: one
 * asks, all get the answer.
 */
import { latin1Slice } from '../dns/latin1.ts';
import type { Query } from '../dns/query.ts';

/** Takes what a flight brings. Must not throw. */
export type Landed<T> = (result: T) => void;

/** How many questions may be on their way. */
export interface FlightOptions {
  /** Queries that wait, those that were asked upstream included. */
  readonly maxWaiting: number;
}

/** Queries that one cache lets wait; a query and its waiter take about 2 kB. */
export const MAX_WAITING = 8192;

export class FlightTable<T> {
  readonly #maxWaiting: number;
  /** Who waits for what. BOUNDED by #maxWaiting, flights and waiters together. */
  readonly #flights = new Map<string, Landed<T>[]>();
  #waiting = 0;

  constructor(options: FlightOptions) {
    this.#maxWaiting = options.maxWaiting;
  }

  /** Queries that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Has `landed` called once with what is found for `query`: by a flight that is under way, else by
   * `start`, which must call its argument once, at once or later.
   *
   * @returns false when too many wait already; then neither is called
   */
  board(query: Query, landed: Landed<T>, start: (land: Landed<T>) => void): boolean {
    if (this.#waiting >= this.#maxWaiting) return false;
    this.#waiting++;
    const key = flightKey(query);
    const boarded = this.#flights.get(key);
    if (boarded !== undefined) {
      boarded.push(landed);
      return true;
    }
    const waiters = [landed];
    this.#flights.set(key, waiters);
    try {
      start((result) => {
        this.#remove(key, waiters);
        for (const waiter of waiters) waiter(result);
      });
    } catch (error) {
      // A stage must not throw. If one does, the server answers; nobody may board this flight again.
      if (this.#flights.get(key) === waiters) this.#remove(key, waiters);
      throw error;
    }
    return true;
  }

  #remove(key: string, waiters: readonly Landed<T>[]): void {
    this.#flights.delete(key);
    this.#waiting -= waiters.length;
  }
}

/**
 * All that the upstream's answer may depend on: the question, the transport (it is forwarded over the
 * same), the header's flags, and what follows the question: the OPT record with its size and options,
 * so that a client's COOKIE or subnet is never answered with another's.
 */
function flightKey(query: Query): string {
  const { wire, questionEnd, key, flags, client } = query;
  const tail = latin1Slice(wire, questionEnd, wire.length);
  return `${key}${client.transport}${String.fromCharCode(flags >> 8, flags & 0xff)}${tail}`;
}
