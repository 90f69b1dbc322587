/**
 * Keeps a timer of the kernel pending that is due soon and that nobody waits for.
 *
 * Who goes to sleep with a time limit sets a timer, an idle core puts off its tick, and both are undone
 * when a packet comes. Each time the core's earliest timer is another one the kernel tells the hardware,
 * which in a virtual machine means the hypervisor: 5 µs here, twice for each query that comes alone. While
 * this timer is earlier than those, none of them is the earliest (docs/decisions/0014).
 */
import { CLOCK_MONOTONIC, type Libc, TFD_CLOEXEC } from './libc.ts';

/** Whoever sleeps longer than that does so too seldom for it to be worth a timer's interrupt. */
const MAX_SLEEP_MS = 1.2;
/** Set anew when it would not outlast the next sleep. Ticks are 4 ms apart where there are 250 a second. */
const DURATION_MS = MAX_SLEEP_MS + 1;

/** struct itimerspec: interval and value, each of seconds and nanoseconds in 64 bits. */
const ITIMERSPEC_LENGTH = 32;
const VALUE_NANOSECONDS = 24;

export class EarlyTimer {
  readonly #libc: Pick<Libc, 'timerfd_create' | 'timerfd_settime'>;
  readonly #duration: number;
  /** Set in turns: to set one while the other is due sooner is nothing to the hardware. −1 before the first use. */
  readonly #timers = [-1, -1];
  #latest = 0;
  #dueAtMs = 0;
  #keptAtMs = 0;

  /** Maps the block that the kernel reads. Throws when it refuses. */
  constructor(libc: Pick<Libc, 'timerfd_create' | 'timerfd_settime' | 'map'>) {
    this.#libc = libc;
    const { bytes, address } = libc.map(ITIMERSPEC_LENGTH);
    Buffer.from(bytes).writeBigUInt64LE(BigInt(DURATION_MS * 1e6), VALUE_NANOSECONDS);
    this.#duration = address;
  }

  /** To be called before each sleep, with the time on performance.now's scale. */
  keep(nowMs: number): void {
    const isRare = nowMs - this.#keptAtMs > MAX_SLEEP_MS;
    this.#keptAtMs = nowMs;
    if (isRare || this.#dueAtMs - nowMs > MAX_SLEEP_MS) return;
    this.#latest = 1 - this.#latest;
    this.#libc.timerfd_settime(this.#timer(this.#latest), 0, this.#duration, 0);
    this.#dueAtMs = nowMs + DURATION_MS;
  }

  #timer(index: number): number {
    const timers = this.#timers;
    if (timers[index] < 0) timers[index] = this.#libc.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return timers[index];
  }
}
