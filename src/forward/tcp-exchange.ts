/**
 * Queries to one upstream over a few kept connections.
 *
 * At rest there is one connection; under load a second shares the work. A connection is replaced
 * after a while and after many queries, both with jitter, because behind a service address each
 * connection is tied to one pod: so load moves to new pods and all nodes do not move at once. One
 * that stays silent is replaced at its first missed answer. When the upstream closes in mid-flight,
 * what waited is asked again on another connection and nobody notices.
 */
import type { Clock } from '../log/clock.ts';
import { everySecond } from '../log/every-second.ts';
import type { Attempt, Exchange, Protocol } from './attempt.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { dialTcp, type OnData, type StreamTarget, TlsDialer } from './dial.ts';
import { jittered } from './random.ts';
import { ageText } from './socket-problem.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Connections at once, those included that only wait for last answers. */
const MAX_CONNECTIONS = 32;
/** A connection with this many queries under way gets help from another one. */
const SPREAD_AT = 32;
/** Queries in the life of a connection. */
const MAX_QUERIES = 20_000;
/** Resends of one query as long as the connections that close have answered something. */
const MAX_RESENDS = 32;
/** How long an upstream's habit of closing after a few queries is remembered. */
const HABIT_MS = 60_000;

/** How connections are kept. */
export interface ConnectionLimits {
  /** Connections kept at once (`max_idle_conns`; 2 when not given). */
  readonly kept: number;
  /** Milliseconds without use after which one is closed (`expire`). */
  readonly idleMs: number;
  /** Milliseconds after which one takes no more queries, moved by jitter (`max_age`). */
  readonly maxAgeMs: number;
}

export class TcpExchange implements Exchange, ConnectionOwner {
  readonly protocol: Protocol;
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #counters: UpstreamCounters;
  readonly #dial: (onData: OnData) => ReturnType<typeof dialTcp>;
  /** BOUNDED by MAX_CONNECTIONS. */
  readonly #connections: Connection[] = [];
  /** Queries after which this upstream closes a connection, as far as we know. */
  #habit = Number.POSITIVE_INFINITY;
  #habitSeenAtMs = 0;
  /** Null while there are no connections. */
  #endSweeps: (() => void) | null = null;
  #isClosed = false;

  constructor(
    target: StreamTarget,
    limits: ConnectionLimits,
    modules: { clock: Clock; counters: UpstreamCounters },
  ) {
    this.protocol = target.tls === null ? 'tcp' : 'tcp-tls';
    this.#limits = limits;
    this.#clock = modules.clock;
    this.#counters = modules.counters;
    if (target.tls === null) {
      this.#dial = (onData) => dialTcp(target, onData);
    } else {
      const dialer = new TlsDialer(target, target.tls);
      this.#dial = (onData) => dialer.dial(onData);
    }
  }

  send(attempt: Attempt, nowMs: number): void {
    const reuse = this.#counters.reuse[this.protocol];
    let connection = this.#leastLoaded(nowMs);
    if (connection !== null && !this.#needsHelp(connection)) {
      reuse.hits++;
    } else if (this.#connections.length < MAX_CONNECTIONS) {
      reuse.misses++;
      connection = this.#open(nowMs);
    } else {
      connection ??= this.#lastResort();
    }
    if (connection === null) {
      attempt.owner.failed(attempt, this.#say(attempt, 'too many connections'), nowMs);
      return;
    }
    connection.send(attempt, nowMs);
    if (this.#isClosed) connection.retire();
  }

  missed(attempt: Attempt): void {
    const connection = attempt.carrier;
    if (!(connection instanceof Connection) || !connection.isSilentSince(attempt)) return;
    // Silent since this was sent: perhaps its peer is gone without a word. The attempt may still be
    // answered there; what else waits is asked again where someone listens, once: where nobody does
    // it would be moved for ever.
    connection.retire();
    const nowMs = this.#clock.nowMs();
    for (const moved of connection.release((other) => other !== attempt && !other.wasMoved)) {
      moved.wasMoved = true;
      this.send(moved, nowMs);
    }
  }

  ended(connection: Connection, lost: readonly Attempt[], error: string): void {
    const at = this.#connections.indexOf(connection);
    if (at >= 0) {
      this.#connections.splice(at, 1);
      this.#counters.sockets[this.protocol]--;
    }
    if (lost.length === 0) return;
    const nowMs = this.#clock.nowMs();
    const madeProgress = connection.answered > 0;
    if (madeProgress) {
      this.#habit = connection.answered;
      this.#habitSeenAtMs = nowMs;
    }
    for (const attempt of lost) {
      // RFC 7766 §6.2.4: "If a DNS client … finds that the connection … has been closed … it
      // SHOULD retry the unanswered queries".
      if (connection.wasReady && attempt.resends < (madeProgress ? MAX_RESENDS : 1)) {
        attempt.resends++;
        this.send(attempt, nowMs);
      } else {
        const age = connection.wasReady ? ageText(connection.openedAtMs, nowMs) : '';
        attempt.owner.failed(attempt, this.#say(attempt, error, age), nowMs);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#connections]) connection.retire();
    this.#endSweeps?.();
    this.#endSweeps = null;
  }

  #say(attempt: Attempt, problem: string, age = ''): string {
    return `${this.protocol} ${attempt.upstream.to}${age}: ${problem}`;
  }

  /**
   * The open connection with the fewest queries under way, or null. What is asked in one turn of the
   * event loop goes to one connection: a write costs as much as ten queries.
   */
  #leastLoaded(nowMs: number): Connection | null {
    let best: Connection | null = null;
    // Backwards, because a connection that retires may leave the list.
    for (let i = this.#connections.length - 1; i >= 0; i--) {
      const connection = this.#connections[i];
      if (connection.sent >= this.#habit) connection.retire();
      if (!connection.hasRoom(nowMs)) continue;
      if (connection.isFilling) return connection;
      if (best === null || connection.pendingCount < best.pendingCount) best = connection;
    }
    return best;
  }

  /**
   * Where the upstream closes after a few queries and every connection has had them: one that will
   * answer some of what it gets, and leave the rest for another round.
   */
  #lastResort(): Connection | null {
    if (this.#habit === Number.POSITIVE_INFINITY) return null;
    return this.#connections.reduce((a, b) => (b.pendingCount < a.pendingCount ? b : a));
  }

  /** Whether even the least loaded connection has more to do than it should. */
  #needsHelp(connection: Connection): boolean {
    if (connection.pendingCount < SPREAD_AT) return false;
    return this.#connections.filter(({ isRetired }) => !isRetired).length < this.#limits.kept;
  }

  #open(nowMs: number): Connection {
    if (nowMs - this.#habitSeenAtMs > HABIT_MS) this.#habit = Number.POSITIVE_INFINITY;
    const connection = new Connection(
      {
        dial: this.#dial,
        readyEvent: this.protocol === 'tcp' ? 'connect' : 'secureConnect',
        retireAtMs: nowMs + jittered(this.#limits.maxAgeMs),
        maxQueries: jittered(MAX_QUERIES),
      },
      { owner: this, clock: this.#clock, counters: this.#counters },
    );
    this.#connections.push(connection);
    this.#counters.sockets[this.protocol]++;
    if (!this.#isClosed) this.#endSweeps ??= everySecond(() => this.#sweep());
    return connection;
  }

  /** Closes connections that nobody uses any more. */
  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    for (const connection of [...this.#connections]) {
      const isIdle = nowMs - connection.lastUsedAtMs >= this.#limits.idleMs;
      if (isIdle || connection.isOld(nowMs)) connection.retire();
    }
    if (this.#connections.length > 0) return;
    this.#endSweeps?.();
    this.#endSweeps = null;
  }
}
