/**
 * Who may use the processor for a miss: hits first, then the clients in turns.
 *
 * A hit costs a twentieth of a miss. A client that asks for names nobody has asked for, faster than
 * we can ask upstream, would keep the one thread busy and everybody else waiting in the socket. So
 * one turn of the event loop begins a few misses only; what else comes in waits here, in a queue
 * per client, while the sockets are read and hits answered.
 *
 *   10.0.0.4  ▮            ─┐
 *   10.0.0.7  ▮▮            ├─ one of each in turn ─▶ STARTS_PER_TURN ─▶ the next stage
 *   10.0.0.8  ▮            ─┘
 *   10.0.0.9  ▮▮▮▮▮▮▮▮▮▮▮▮▮▮ ── greedy ──▶ GREEDY_STARTS_PER_MS ─▶ the next stage
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
/** Misses that wait for their turn, of all clients: some 2 kB each. */
const MAX_QUEUED = 1024;
/**
 * A client that had misses refused is greedy. From then on few of its misses wait, and those are
 * begun so slowly that the loop waits at the sockets most of the time, where a hit is answered the
 * moment it comes.
 */
const MAX_QUEUED_GREEDY = 128;
const GREEDY_STARTS_PER_MS = 1;
/** It is forgiven when it has none left, or over so long has asked no faster than we can begin. */
const FORGIVE_AFTER_MS = 250;
const FORGIVEN_PER_MS = 5;

/** A query that waits for its turn. */
interface Queued {
  readonly query: Query;
  readonly next: Stage;
  readonly done: Done;
}

/** What one client has waiting. */
interface ClientQueue {
  /** The oldest first. BOUNDED by the queue's share. */
  readonly waiting: Queued[];
  isGreedy: boolean;
  /** Queries that came since `countedFromMs`, while it is greedy. */
  asked: number;
  countedFromMs: number;
}

/** When turns are taken; tests take them themselves. */
export interface Schedule {
  nowMs(): number;
  /** In the next turn of the event loop. */
  soon(turn: () => void): void;
  /** After about a millisecond. */
  afterPause(turn: () => void): void;
}

const EVENT_LOOP: Schedule = {
  nowMs: () => performance.now(),
  soon: (turn) => setImmediate(turn),
  afterPause: (turn) => setTimeout(turn, 1),
};

/** One per process, as there is one thread. */
export class MissQueue {
  /** By client, the one whose turn is next first. BOUNDED by #share. */
  readonly #queues = new Map<string, ClientQueue>();
  readonly #share = new FairShare(MAX_QUEUED);
  readonly #schedule: Schedule;
  /** The batch whose misses are counted in #started. */
  #batchMs = 0;
  #started = 0;
  #isTurnComing = false;
  #isSlowTurnComing = false;
  /** When the greedy ones had their last turn. */
  #slowTurnAtMs = 0;
  /** Greedy clients. */
  #greedy = 0;

  constructor(schedule: Schedule = EVENT_LOOP) {
    this.#schedule = schedule;
  }

  get length(): number {
    return this.#share.total;
  }

  /** Whether some client may have its share of the queue. */
  get isPressed(): boolean {
    return this.#greedy > 0 || this.#share.isPressed;
  }

  /** Whether one more query of `client`, which has just come, may wait. */
  hasRoom(client: string): boolean {
    const queue = this.#queues.get(client);
    if (queue?.isGreedy) {
      this.#countGreedy(queue);
      if (queue.isGreedy && queue.waiting.length >= MAX_QUEUED_GREEDY) return false;
    }
    if (this.#share.hasRoom(client)) return true;
    if (queue !== undefined && !queue.isGreedy) this.#markGreedy(queue);
    return false;
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
    let queue = this.#queues.get(client);
    if (queue === undefined) {
      queue = { waiting: [], isGreedy: false, asked: 0, countedFromMs: 0 };
      this.#queues.set(client, queue);
    }
    queue.waiting.push({ query, next, done });
    if (isSlow(queue)) this.#callSlowTurn();
    else this.#callTurn();
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
    this.#schedule.soon(this.#turn);
  }

  #callSlowTurn(): void {
    if (this.#isSlowTurnComing) return;
    this.#isSlowTurnComing = true;
    this.#slowTurnAtMs = this.#schedule.nowMs();
    this.#schedule.afterPause(this.#slowTurn);
  }

  readonly #turn = (): void => {
    this.#isTurnComing = false;
    const isDone = this.#start(STARTS_PER_TURN, false);
    if (!isDone) this.#callTurn();
    if (this.#greedy > 0) this.#callSlowTurn();
  };

  /** Timers may be late: what is begun follows the time that has passed. */
  readonly #slowTurn = (): void => {
    this.#isSlowTurnComing = false;
    const elapsedMs = this.#schedule.nowMs() - this.#slowTurnAtMs;
    const allowed = Math.round(elapsedMs * GREEDY_STARTS_PER_MS * this.#greedy);
    this.#start(Math.min(Math.max(allowed, 1), STARTS_PER_TURN), true);
    if (this.#greedy > 0) this.#callSlowTurn();
  };

  /** Begins `count` misses, of slow clients or of the others. True when there are no more of them. */
  #start(count: number, slow: boolean): boolean {
    for (let i = 0; i < count; i++) {
      const queued = this.#shift(slow);
      if (queued === null) return true;
      begin(queued);
    }
    return false;
  }

  /** The oldest query of the client whose turn it is; null when nobody waits. */
  #shift(slow: boolean): Queued | null {
    for (const [client, queue] of this.#queues) {
      if (isSlow(queue) !== slow) continue;
      const queued = queue.waiting.shift();
      const hasMore = queue.waiting.length > 0;
      // Behind the others, if it has more. Alone it is the next one where it is.
      if (!hasMore || this.#queues.size > 1) this.#queues.delete(client);
      if (hasMore) this.#queues.set(client, queue);
      else if (queue.isGreedy) this.#greedy--;
      if (queued === undefined) continue;
      this.#share.give(client);
      return queued;
    }
    return null;
  }

  #markGreedy(queue: ClientQueue): void {
    queue.isGreedy = true;
    queue.asked = 0;
    queue.countedFromMs = this.#schedule.nowMs();
    this.#greedy++;
  }

  #countGreedy(queue: ClientQueue): void {
    queue.asked++;
    const nowMs = this.#schedule.nowMs();
    const elapsedMs = nowMs - queue.countedFromMs;
    if (elapsedMs < FORGIVE_AFTER_MS) return;
    if (queue.asked <= elapsedMs * FORGIVEN_PER_MS) {
      queue.isGreedy = false;
      this.#greedy--;
      this.#callTurn();
    }
    queue.asked = 0;
    queue.countedFromMs = nowMs;
  }
}

/** Greedy, and what it had before it was is begun. */
function isSlow({ isGreedy, waiting }: ClientQueue): boolean {
  return isGreedy && waiting.length <= MAX_QUEUED_GREEDY;
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
function begin({ query, next, done }: Queued): void {
  try {
    next.resolve(query, done);
  } catch (error) {
    done(failed(RCODE_SERVFAIL, String(error)));
  }
}
