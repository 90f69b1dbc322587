/**
 * Questions on their way upstream. Those that the upstream cannot tell apart travel together: one
 * asks, all get the answer.
 */
import { FLAG_RD } from '../dns/header.ts';
import { hashText } from '../dns/key-hash.ts';
import { latin1Slice } from '../dns/latin1.ts';
import type { Query } from '../dns/query.ts';
import { type Keyed, KeyTable } from '../tables/key-table.ts';
import { NONE } from '../tables/slot-links.ts';
import { FairShare } from './fair-share.ts';

/** Takes what a flight brings. Must not throw. */
export type Landed<T> = (result: T) => void;

/** How many questions may be on their way. */
export interface FlightOptions {
  /** Queries that wait, those that were asked upstream included; shared fairly by the clients. */
  readonly maxWaiting: number;
  /** Queries that wait for the same. */
  readonly maxPerFlight: number;
}

/** Why a query may not board: its client has its share of those that wait, or the flight is full. */
export type Refusal = 'upstream' | 'question';

/** Queries that one cache lets wait; a query and its waiter take about 2 kB. */
export const MAX_WAITING = 8192;
/** Of them for one question: a slow name that all ask for leaves room for others. */
export const MAX_PER_FLIGHT = 2048;

/** Somebody who waits. */
interface Waiter<T> {
  readonly landed: Landed<T>;
  readonly client: string;
}

/** A question on its way, for the one who asks it. */
export interface Flight<T> extends Keyed {
  /** BOUNDED by `maxPerFlight`. */
  readonly waiters: Waiter<T>[];
}

export class FlightTable<T> {
  readonly #maxPerFlight: number;
  readonly #share: FairShare;
  /** Who waits for what. BOUNDED by #share, flights and waiters together. */
  readonly #flights = new KeyTable<Flight<T>>();

  constructor(options: FlightOptions) {
    this.#maxPerFlight = options.maxPerFlight;
    this.#share = new FairShare(options.maxWaiting);
  }

  /** Queries that wait. */
  get waiting(): number {
    return this.#share.total;
  }

  /** Whether some client may have its share of those that wait. */
  get isPressed(): boolean {
    return this.#share.isPressed;
  }

  /** Whether one more query of `client` may wait. */
  hasRoom(client: string): boolean {
    return this.#share.hasRoom(client);
  }

  /**
   * Has `landed` called once with what is found for `query`: by a flight that is under way, else by
   * one that `start` begins; it must see to it that `land` is called once, at once or later.
   *
   * @returns null; or why not, and then neither is called
   */
  board(query: Query, landed: Landed<T>, start: (flight: Flight<T>) => void): Refusal | null {
    const key = flightKey(query);
    const hash = key === query.key ? query.keyHash : hashText(key);
    const boarded = this.#flights.find(key, hash);
    if (boarded !== null && boarded.waiters.length >= this.#maxPerFlight) return 'question';
    const client = query.client.address;
    if (!this.#share.take(client)) return 'upstream';
    if (boarded !== null) {
      boarded.waiters.push({ landed, client });
      return null;
    }
    const flight: Flight<T> = { key, slot: NONE, waiters: [{ landed, client }] };
    this.#flights.add(flight, hash);
    try {
      start(flight);
    } catch (error) {
      // A stage must not throw. If one does, the server answers; nobody may board this flight again.
      if (flight.slot !== NONE) this.#remove(flight);
      throw error;
    }
    return null;
  }

  /** Gives all who wait what the flight brings. */
  land(flight: Flight<T>, result: T): void {
    this.#remove(flight);
    for (const { landed } of flight.waiters) landed(result);
  }

  #remove(flight: Flight<T>): void {
    this.#flights.remove(flight);
    for (const { client } of flight.waiters) this.#share.give(client);
  }
}

/**
 * All that the upstream's answer may depend on: the question, the transport (it is forwarded over the
 * same), the header's flags, and what follows the question: the OPT record with its size and options,
 * so that a client's COOKIE or subnet is never answered with another's.
 */
function flightKey(query: Query): string {
  const { wire, questionEnd, key, flags, client } = query;
  const isPlain = flags === FLAG_RD && questionEnd === wire.length && client.transport === 'udp';
  // Never equal to one of the others: a label length, with which it begins, is below all letters.
  if (isPlain) return key;
  return `${client.transport}${flags}.${key}${latin1Slice(wire, questionEnd, wire.length)}`;
}
