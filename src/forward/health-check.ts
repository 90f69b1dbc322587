/**
 * Checks one upstream in band: nothing is sent until an exchange fails, then one question every
 * interval until one is answered, or a query is (spec §5.4, Health checks).
 */
import type { Prober } from './prober.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Failures are counted up to here. */
const MAX_FAILS = 0xffff_ffff;
/** An interval of 0 would be a busy loop on an upstream that refuses. */
const MIN_INTERVAL_MS = 10;

/** What is asked and how often. */
export interface HealthCheckOptions {
  readonly intervalMs: number;
  readonly recursionDesired: boolean;
  /** In presentation form, with its last dot. */
  readonly domain: string;
}

export class HealthCheck {
  /** Failed checks since the last good one. */
  fails = 0;
  readonly #options: HealthCheckOptions;
  readonly #question: Buffer;
  readonly #prober: Prober;
  readonly #counters: UpstreamCounters;
  readonly #onAlive: () => void;
  #isRunning = false;
  /** A check is under way. */
  #isAsking = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    options: HealthCheckOptions,
    question: Buffer,
    modules: { prober: Prober; counters: UpstreamCounters; onAlive: () => void },
  ) {
    this.#options = options;
    this.#question = question;
    this.#prober = modules.prober;
    this.#counters = modules.counters;
    this.#onAlive = modules.onAlive;
  }

  /** True from a failed exchange to the next answer. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Starts checking; one check at a time, however often this is called. */
  start(): void {
    if (this.#isRunning || this.#isStopped) return;
    this.#isRunning = true;
    if (!this.#isAsking) this.#check();
  }

  /** Something was answered: ends the checks. */
  noteAlive(): void {
    this.fails = 0;
    this.#isRunning = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  stop(): void {
    this.#isStopped = true;
    this.noteAlive();
  }

  #check(): void {
    this.#isAsking = true;
    this.#prober.ask(this.#question, (isAnswered) => {
      this.#isAsking = false;
      // Whatever the answer's rcode: who answers is alive.
      if (isAnswered && !this.#isStopped) {
        this.noteAlive();
        this.#onAlive();
      }
      if (!this.#isRunning) return;
      this.fails = Math.min(this.fails + 1, MAX_FAILS);
      this.#counters.healthCheckFailures++;
      const delayMs = Math.max(this.#options.intervalMs, MIN_INTERVAL_MS);
      this.#timer = setTimeout(() => this.#check(), delayMs).unref();
    });
  }
}
