/**
 * Waits for the next queries at the socket of the last ones, instead of in the event loop: on the way
 * there and back lies more code than a stored answer needs (docs/decisions/0014-waiting-at-the-socket.md).
 *
 * ```
 *   event loop ─▶ queries ─▶ answered ─▶ wait ─┬─ more queries ─▶ answered ─▶ …
 *       ▲                                      │
 *       └──── a timer is due, or anything else ┘
 * ```
 * Hardly anybody waits longer for that. Whatever the loop watches ends the wait, and so does its next
 * timer. What the loop has been told to watch in this very turn it watches from the next one on: hence
 * MAX_WAIT_MS and MAX_AWAY_MS. While queries come without a pause others have their turn after MAX_BUSY_MS.
 */
import type { Clock, Moment } from '../log/clock.ts';
import { idleTime } from '../log/idle-time.ts';
import type { EarlyTimer } from '../sockets/early-timer.ts';
import type { EventLoop } from '../sockets/event-loop.ts';
import { type Libc, POLLIN } from '../sockets/libc.ts';

/** How long queries may come without a pause before the event loop has its turn. */
const MAX_BUSY_MS = 1;
/** A shorter wait was none. */
const PAUSE_MS = 0.01;
/**
 * Longer than the early timer and, mostly, than the kernel's time to its next tick: this limit is not the core's
 * earliest timer. From 170 queries per second on the next one comes sooner, as a rule.
 */
const MAX_WAIT_MS = 6;
/** However often another query comes, the event loop has its turn after that. */
const MAX_AWAY_MS = 500;

/** struct pollfd: descriptor 4, events 2, returned events 2. */
const POLLFD_LENGTH = 8;
const EVENTS = 4;
const RETURNED_EVENTS = 6;

export interface SocketWaitModules {
  readonly libc: Pick<Libc, 'poll' | 'map'>;
  readonly loop: EventLoop;
  readonly clock: Clock;
  readonly earlyTimer: Pick<EarlyTimer, 'keep'>;
}

/** Shared by the listeners of the process: one waits at a time. */
export class SocketWait {
  /** When the event loop called, or the last wait was over. */
  nowMs = 0;
  /** Whether the last wait was one, at the beginning of which the socket had nothing. */
  wasPause = false;
  readonly #libc: Pick<Libc, 'poll'>;
  readonly #loop: EventLoop;
  readonly #clock: Clock;
  readonly #earlyTimer: Pick<EarlyTimer, 'keep'>;
  /** The socket, and the event loop. */
  readonly #polled: Buffer;
  readonly #address: number;
  /** The next timer is due, or MAX_AWAY_MS are over. */
  #endAtMs = 0;
  #pausedAtMs = 0;

  constructor({ libc, loop, clock, earlyTimer }: SocketWaitModules) {
    this.#earlyTimer = earlyTimer;
    this.#libc = libc;
    this.#loop = loop;
    this.#clock = clock;
    const { bytes, address } = libc.map(2 * POLLFD_LENGTH);
    this.#polled = Buffer.from(bytes);
    this.#address = address;
    this.#polled.writeUInt16LE(POLLIN, EVENTS);
    this.#polled.writeInt32LE(loop.descriptor, POLLFD_LENGTH);
    this.#polled.writeUInt16LE(POLLIN, POLLFD_LENGTH + EVENTS);
  }

  /** To be called when the event loop calls, whose clock is right then. */
  begin(): void {
    this.nowMs = this.#clock.nowMs();
    const timeoutMs = this.#loop.timeoutMs();
    this.#endAtMs = this.nowMs + (timeoutMs < 0 ? MAX_AWAY_MS : Math.min(timeoutMs, MAX_AWAY_MS));
    this.#pausedAtMs = this.nowMs;
    this.wasPause = false;
  }

  /**
   * True when the socket has something; false when the event loop is to have its turn. Not to be called when
   * anything was scheduled since `begin`.
   */
  untilReadable(fd: number, { nowMs: startMs }: Moment): boolean {
    // Rounded up: a timer may be late by less than a millisecond, as libuv's are.
    const waitMs = Math.min(MAX_WAIT_MS, Math.ceil(this.#endAtMs - startMs));
    if (waitMs <= 0 || startMs - this.#pausedAtMs > MAX_BUSY_MS) return false;
    this.#earlyTimer.keep(startMs);
    this.#polled.writeInt32LE(fd, 0);
    const ready = this.#libc.poll(this.#address, 2, waitMs);
    this.nowMs = this.#clock.nowMs();
    this.wasPause = this.nowMs - startMs > PAUSE_MS;
    if (this.wasPause) {
      this.#pausedAtMs = this.nowMs;
      idleTime.milliseconds += this.nowMs - startMs;
    }
    return ready > 0 && this.#polled.readUInt16LE(RETURNED_EVENTS) === POLLIN;
  }
}
