/**
 * Keeps a timer of the kernel pending that is due soon and that nobody waits for.
 *
 * Who goes to sleep with a time limit sets a timer, an idle core puts off its tick, and both are undone
 * when a packet comes. Each time the core's earliest timer is another one the kernel tells the hardware,
 * which in a virtual machine means the hypervisor: 5 µs here, twice for each query that comes alone. While
 * this timer is earlier than those, none of them is the earliest (docs/decisions/0014).
 */
import { CLOCK_MONOTONIC, type Libc, TFD_CLOEXEC } from './libc.ts';

/** Shorter than most time to the next tick, which is 4 ms where the kernel counts 250 a second. */
const DURATION_MS = 1.5;
/** Set anew when it is due sooner than that; not at all where sleeps last longer. */
const MIN_AHEAD_MS = 0.5;

/** struct itimerspec: interval and value, each of seconds and nanoseconds in 64 bits. */
const ITIMERSPEC_LENGTH = 32;
const VALUE_NANOSECONDS = 24;

export class EarlyTimer {
  readonly #libc: Pick<Libc, 'timerfd_create' | 'timerfd_settime'>;
  readonly #duration: number;
  #fd = -1;
  #dueAtMs = 0;
  #lastKeptAtMs = 0;

  /** Maps the block that the kernel reads. Throws when it refuses. */
  constructor(libc: Pick<Libc, 'timerfd_create' | 'timerfd_settime' | 'map'>) {
    this.#libc = libc;
    const { bytes, address } = libc.map(ITIMERSPEC_LENGTH);
    Buffer.from(bytes).writeBigUInt64LE(BigInt(DURATION_MS * 1e6), VALUE_NANOSECONDS);
    this.#duration = address;
  }

  /** To be called before each sleep, with the time on performance.now's scale. */
  keep(nowMs: number): void {
    const isRare = nowMs - this.#lastKeptAtMs > MIN_AHEAD_MS;
    this.#lastKeptAtMs = nowMs;
    if (isRare || this.#dueAtMs - nowMs > MIN_AHEAD_MS) return;
    if (this.#fd < 0) this.#fd = this.#libc.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    this.#libc.timerfd_settime(this.#fd, 0, this.#duration, 0);
    this.#dueAtMs = nowMs + DURATION_MS;
  }
}
