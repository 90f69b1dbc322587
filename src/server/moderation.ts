/**
 * Lets queries gather for a moment while they come fast, as network cards do (interrupt moderation):
 * being woken up for every few of them costs more than answering them.
 *
 * One for all UDP sockets of the process. It blocks the thread, so whatever is due waits as long.
 */
import type { Moment } from '../log/clock.ts';
import type { Libc } from '../sockets/libc.ts';

/** Below this rate nobody waits. Few nodes ever see more. */
const MIN_PER_SECOND = 16_000;
/** How many are to gather: half of what one call receives. */
const GATHERED = 16;
/** The longest wait that is asked for; the kernel makes it up to 50 µs longer (timer slack, prctl(2)). */
const MAX_WAIT_US = 150;
/** A shorter one costs more than it gives. */
const MIN_WAIT_US = 20;
/** What the rate is taken over. */
const WINDOW_MS = 4;
/** A rate taken before this says nothing about now. */
const STALE_MS = 3 * WINDOW_MS;

export class Moderation {
  readonly #libc: Pick<Libc, 'usleep'>;
  readonly #clock: () => number;
  #windowStartMs = 0;
  /** Datagrams in this window. */
  #received = 0;
  /** 0: nobody waits. */
  #waitUs = 0;
  #waitedUntilMs = 0;
  #isBehind = false;

  /** `clock` tells milliseconds, as performance.now does. */
  constructor(libc: Pick<Libc, 'usleep'>, clock: () => number) {
    this.#libc = libc;
    this.#clock = clock;
  }

  /** Whether queries come so slowly that nobody waits for more. */
  get isCalm(): boolean {
    return this.#waitUs === 0;
  }

  /**
   * To be called before a socket is read that has something, with the time. Waits if that is worth
   * it, once for all sockets of a turn. Returns what time it is then.
   */
  wait(nowMs: number): number {
    if (this.#waitUs === 0 || this.#isBehind) return nowMs;
    if (nowMs - this.#windowStartMs > STALE_MS) return nowMs;
    if (nowMs - this.#waitedUntilMs < this.#waitUs / 1000) return nowMs;
    this.#libc.usleep(this.#waitUs);
    this.#waitedUntilMs = this.#clock();
    return this.#waitedUntilMs;
  }

  /** Says that `count` datagrams were answered; `isFull`: and that more may lie there already. */
  answered(count: number, isFull: boolean, { nowMs }: Moment): void {
    this.#isBehind = isFull;
    this.#received += count;
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#waitUs = waitFor((this.#received / elapsedMs) * 1000);
    this.#received = 0;
    this.#windowStartMs = nowMs;
  }
}

function waitFor(perSecond: number): number {
  if (perSecond < MIN_PER_SECOND) return 0;
  const waitUs = Math.min(MAX_WAIT_US, Math.floor((GATHERED * 1e6) / perSecond));
  return waitUs < MIN_WAIT_US ? 0 : waitUs;
}
