/**
 * The dead-man's switch of the event loop: a timer keeps pushing back two alarms of the kernel's. When
 * the loop hangs one of them goes off and the process ends, the lease ends with it, and kubelet starts
 * the pod anew.
 *
 * - A loop that spins uses up processor time of its thread. A machine that stands still, a processor
 *   limit that throttles and neighbours that take it all do not: to end a process that only waits for
 *   its turn would cost a start on top.
 * - A loop that waits in the kernel uses none: for it `alarm(2)` counts the time of day, and more of it.
 */
import { everySecond } from '../log/every-second.ts';
import { loadCLibrary } from './c-library.ts';

const SIGALRM = 14;
const CLOCK_THREAD_CPUTIME_ID = 3;
/** struct sigevent; without a kind of notice it is a signal. */
const EVENT_LENGTH = 64;
const EVENT_SIGNAL_OFFSET = 8;
/** struct itimerspec: interval and value, of seconds and nanoseconds each. */
const TIME_LENGTH = 32;
const TIME_VALUE_OFFSET = 16;
/** How many times longer the loop may wait in the kernel than it may spin. */
const WAIT_FACTOR = 4;

/** Sets both alarms to so many seconds of processor time from now on; 0: takes them away. */
type Arm = (limitSeconds: number) => void;

export class DeadMan {
  #limitSeconds: number;
  #arm: Arm = () => {};
  #end: (() => void) | null = null;

  /** @param options.limitSeconds how long the event loop may spin, until `setLimit` */
  constructor(options: { limitSeconds: number }) {
    this.#limitSeconds = options.limitSeconds;
  }

  /** To be called on the event loop's thread. Throws when the C library cannot be called. */
  start(): void {
    this.#arm = createAlarms();
    this.#arm(this.#limitSeconds);
    this.#end = everySecond(() => this.#arm(this.#limitSeconds));
  }

  /** Changes how long the event loop may hang: less, once others depend on it. */
  setLimit(limitSeconds: number): void {
    this.#limitSeconds = limitSeconds;
    if (this.#end !== null) this.#arm(limitSeconds);
  }

  stop(): void {
    this.#end?.();
    this.#end = null;
    this.#arm(0);
  }
}

function createAlarms(): Arm {
  const { libc } = loadCLibrary();
  const signal = libc.func('void* signal(int number, void* handler)');
  // The first process of a container ignores every signal that it has no handler for. `_exit`
  // itself is the handler: safe in a signal, and the exit status is the signal's number, 14.
  signal(SIGALRM, libc.symbol('_exit'));
  const alarm = libc.func('unsigned int alarm(unsigned int seconds)');
  const create = libc.func('int timer_create(int clock, void* event, void* timer)');
  const settime = libc.func('int timer_settime(intptr_t timer, int flags, void* value, void* old)');
  const event = Buffer.alloc(EVENT_LENGTH);
  event.writeInt32LE(SIGALRM, EVENT_SIGNAL_OFFSET);
  const timer = Buffer.alloc(8);
  if (create(CLOCK_THREAD_CPUTIME_ID, event, timer) !== 0) throw new Error('timer_create failed');
  const id = Number(timer.readBigInt64LE());
  const time = Buffer.alloc(TIME_LENGTH);
  return (limitSeconds) => {
    alarm(limitSeconds * WAIT_FACTOR);
    time.writeBigInt64LE(BigInt(limitSeconds), TIME_VALUE_OFFSET);
    settime(id, 0, time, null);
  };
}
