/**
 * Who may use the processor for a miss: hits first, then the clients in turns.
 *
 * A hit costs a twentieth of a miss. A client that asks for names nobody has asked for, faster than
 * we can ask upstream, would keep the one thread busy and everybody else waiting in the socket. So
 * one turn of the event loop begins a few misses only; what else comes in waits here, in a queue
 * per client, while the sockets are read and hits answered.
 *
 *   10.0.0.9  ▮▮▮▮▮▮▮▮▮▮ ─┐
 *   10.0.0.4  ▮            ├─ one of each in turn ─▶ STARTS_PER_TURN ─▶ the next stage
 *   10.0.0.7  ▮▮          ─┘
 *
 * Without pressure nothing is queued and nothing delayed. A client alone that waits for its answers
 * before it asks on is not slowed down, however fast it is.
 */
import { FairShare } from '../cache/fair-share.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { type Done, failed, type Stage } from './stage.ts';

/** Misses that one turn of the event loop begins: half a millisecond's work. */
const STARTS_PER_TURN = 16;
/**
 * The same once a client has had misses refused, until half of the queue is free: then there is a
 * pause between turns as well, so that the loop waits at the sockets most of the time, where a hit
 * is answered the moment it comes. Some 3,500 misses a second are left, for all clients in turn.
 */
const STARTS_IN_FLOOD = 4;
const FLOOD_PAUSE_MS = 1;
/** Misses that wait for their turn, of all clients: some 2 kB each. */
const MAX_QUEUED = 1024;

/** A query that waits for its turn. */
interface Queued {
  readonly query: Query;
  readonly next: Stage;
  readonly done: Done;
}

/** When turns are taken; tests take them themselves. */
export interface Schedule {
  /** In the next turn of the event loop. */
  soon(turn: () => void): void;
  /** After FLOOD_PAUSE_MS. */
  afterPause(turn: () => void): void;
}

const EVENT_LOOP: Schedule = {
  soon: (turn) => setImmediate(turn),
  afterPause: (turn) => setTimeout(turn, FLOOD_PAUSE_MS),
};

/** One per process, as there is one thread. */
export class MissQueue {
  /** Queries by client, the client whose turn is next first. BOUNDED by #share. */
  readonly #queues = new Map<string, Queued[]>();
  readonly #share = new FairShare(MAX_QUEUED);
  readonly #schedule: Schedule;
  /** The batch whose misses are counted in #started. */
  #batchMs = 0;
  #started = 0;
  #isTurnComing = false;
  /** A client asks for more than its share. */
  #isFlooded = false;

  constructor(schedule: Schedule = EVENT_LOOP) {
    this.#schedule = schedule;
  }

  get length(): number {
    return this.#share.total;
  }

  /** Whether some client may have its share of the queue. */
  get isPressed(): boolean {
    return this.#share.isPressed;
  }

  /** Whether one more query of `client`, which has just come, may wait. */
  hasRoom(client: string): boolean {
    const hasRoom = this.#share.hasRoom(client);
    if (!hasRoom) this.#isFlooded = true;
    return hasRoom;
  }

  /** Has `next` resolve `query`, at once or later. False when the client has its share of the queue. */
  run(query: Query, next: Stage, done: Done): boolean {
    if (this.length === 0 && this.#mayStart(query.receivedAtMs)) {
      next.resolve(query, done);
      return true;
    }
    const client = query.client.address;
    if (!this.hasRoom(client)) return false;
    this.#share.take(client);
    const queue = this.#queues.get(client);
    if (queue === undefined) this.#queues.set(client, [{ query, next, done }]);
    else queue.push({ query, next, done });
    this.#callTurn();
    return true;
  }

  /** Whether a batch may begin one more. Its queries have one and the same time of receipt. */
  #mayStart(receivedAtMs: number): boolean {
    if (receivedAtMs !== this.#batchMs) {
      this.#batchMs = receivedAtMs;
      this.#started = 0;
    }
    return this.#started++ < STARTS_PER_TURN;
  }

  #callTurn(): void {
    if (this.#isTurnComing) return;
    this.#isTurnComing = true;
    if (this.#isFlooded) this.#schedule.afterPause(this.#turn);
    else this.#schedule.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnComing = false;
    const starts = this.#isFlooded ? STARTS_IN_FLOOD : STARTS_PER_TURN;
    for (let i = 0; i < starts; i++) {
      const queued = this.#shift();
      if (queued === null) return;
      start(queued);
    }
    if (this.length < MAX_QUEUED / 2) this.#isFlooded = false;
    if (this.length > 0) this.#callTurn();
  };

  /** The oldest query of the client whose turn it is; null when nobody waits. */
  #shift(): Queued | null {
    for (const [client, queue] of this.#queues) {
      const queued = queue.shift();
      this.#queues.delete(client);
      if (queued === undefined) continue;
      // Behind the others, if it has more.
      if (queue.length > 0) this.#queues.set(client, queue);
      this.#share.give(client);
      return queued;
    }
    return null;
  }
}

/** The queue of the process. */
export function lastingMissQueue(catalogue: Catalogue): MissQueue {
  return catalogue.lasting('miss queue', () => {
    const queue = new MissQueue();
    catalogue.source('nodelocaldns_misses_waiting', (emit) => {
      emit({ for: 'processor' }, queue.length);
    });
    return queue;
  });
}

/** A stage must not throw. If one does, there is no server around us to recover. */
function start({ query, next, done }: Queued): void {
  try {
    next.resolve(query, done);
  } catch (error) {
    done(failed(RCODE_SERVFAIL, String(error)));
  }
}
