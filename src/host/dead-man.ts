/**
 * The dead-man's switch of the event loop: a timer keeps pushing back an alarm of the kernel's. When
 * the loop hangs the alarm goes off and the process ends, the lease ends with it, and kubelet starts
 * the pod anew.
 */
import { loadCLibrary } from './c-library.ts';

const SIGALRM = 14;
const REARM_MS = 500;

export class DeadMan {
  #limitSeconds: number;
  #alarm: (seconds: number) => number = () => 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param options.limitSeconds how long the event loop may hang, until `setLimit` */
  constructor(options: { limitSeconds: number }) {
    this.#limitSeconds = options.limitSeconds;
  }

  /** Throws when the C library cannot be called. */
  start(): void {
    const { libc } = loadCLibrary();
    const signal = libc.func('void* signal(int number, void* handler)');
    // The first process of a container ignores every signal that it has no handler for. `_exit`
    // itself is the handler: safe in a signal, and the exit status is the signal's number, 14.
    signal(SIGALRM, libc.symbol('_exit'));
    this.#alarm = libc.func('unsigned int alarm(unsigned int seconds)');
    this.#alarm(this.#limitSeconds);
    this.#timer = setInterval(() => this.#alarm(this.#limitSeconds), REARM_MS);
    this.#timer.unref();
  }

  /** Changes how long the event loop may hang: less, once others depend on it. */
  setLimit(limitSeconds: number): void {
    this.#limitSeconds = limitSeconds;
    if (this.#timer !== null) this.#alarm(limitSeconds);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#alarm(0);
  }
}
