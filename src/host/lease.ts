/**
 * The lease on the local addresses: they carry a lifetime and are renewed only while our own
 * listeners answer. When the process is killed, hangs or stops answering, the kernel itself takes the
 * addresses away and pods reach kube-dns as if there were no cache.
 *
 * ```
 *   held ── no answer until the lifetime is over ──▶ withheld
 *     ▲                                                 │
 *     └──── a trial: addresses back, and an answer ─────┘  after 1, 2, 4 … 30 s
 * ```
 * A trial is needed because a question to an address that we do not hold would reach kube-dns.
 */
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { NodeEvents } from './node-events.ts';

/** What the lease acts on. No function rejects. */
export interface LeaseActions {
  /** Adds the addresses or renews them, for this long. */
  readonly renew: (leaseMs: number) => Promise<void>;
  /** Removes the addresses. */
  readonly drop: () => Promise<void>;
  /** Asks our own listeners; within a deadline well under a second. */
  readonly probe: () => Promise<boolean>;
}

const FIRST_TRIAL_PAUSE_MS = 1000;
const MAX_TRIAL_PAUSE_MS = 30_000;
/**
 * How long a process that stood still waits before it takes the addresses again: to read what has
 * gathered in its sockets. With a full one the first new queries would be dropped.
 */
const AFTER_STANDSTILL_MS = 200;
/** How soon an unanswered probe is repeated while the lease lasts. */
const PROBE_RETRY_MS = 250;

export class Lease {
  readonly #leaseMs: number;
  readonly #actions: LeaseActions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: NodeEvents;
  #isHeld = false;
  #endsAtMs = 0;
  #nextTrialMs = 0;
  #trialPauseMs = FIRST_TRIAL_PAUSE_MS;
  #unanswered = 0;

  /** `leaseMs` is whole seconds, as the kernel counts; 0: unlimited, and `tick` is not to be called. */
  constructor(
    options: { leaseMs: number; actions: LeaseActions },
    modules: { clock: Clock; log: Log; events: NodeEvents },
  ) {
    this.#leaseMs = options.leaseMs;
    this.#actions = options.actions;
    this.#clock = modules.clock;
    this.#log = modules.log;
    this.#events = modules.events;
  }

  /** Whether the addresses ought to be there now. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Takes the addresses without asking the listeners first. */
  async begin(): Promise<void> {
    this.#isHeld = true;
    this.#unanswered = 0;
    await this.#renew();
  }

  /** Gives the addresses back. */
  async end(): Promise<void> {
    this.#isHeld = false;
    await this.#actions.drop();
  }

  /** The addresses may have gone away under us: takes them again if we are well, and says whether. */
  async repair(): Promise<boolean> {
    const isWell = this.#isHeld && this.#unanswered === 0 && !this.#hasLapsed;
    if (isWell) await this.#renew();
    return isWell;
  }

  /**
   * One turn: asks, then renews or not.
   *
   * @returns milliseconds until the next turn
   */
  async tick(): Promise<number> {
    const startMs = this.#clock.nowMs();
    if (this.#isHeld) await this.#tickHeld();
    else if (startMs >= this.#nextTrialMs) await this.#tryAgain();
    const nextMs = this.#isHeld ? startMs + this.#periodMs : this.#nextTrialMs;
    return Math.max(50, Math.min(nextMs, startMs + 1000) - this.#clock.nowMs());
  }

  get #periodMs(): number {
    return this.#unanswered > 0 ? PROBE_RETRY_MS : this.#leaseMs / 2;
  }

  /** Whether the kernel has taken the addresses away because nobody renewed them. */
  get #hasLapsed(): boolean {
    return this.#leaseMs > 0 && this.#clock.nowMs() >= this.#endsAtMs;
  }

  async #tickHeld(): Promise<void> {
    if (this.#hasLapsed && this.#unanswered === 0) {
      this.#log.warning('The lease on the local addresses lapsed while this process stood still');
      this.#events.leaseExpiries.standstill++;
      this.#isHeld = false;
      this.#nextTrialMs = this.#clock.nowMs() + AFTER_STANDSTILL_MS;
      return;
    }
    if (await this.#actions.probe()) {
      if (this.#unanswered > 0) this.#log.info('Our own listeners answer again');
      this.#unanswered = 0;
      // Given back while we asked.
      if (this.#isHeld) {
        await this.#renew();
        this.#events.leaseRenewals++;
      }
      return;
    }
    if (this.#unanswered++ === 0) {
      this.#log.warning('Our own listeners do not answer: the lease is not renewed');
    }
    if (this.#isHeld && this.#hasLapsed) await this.#giveUp();
  }

  async #giveUp(): Promise<void> {
    this.#events.leaseExpiries.unanswered++;
    this.#isHeld = false;
    this.#trialPauseMs = FIRST_TRIAL_PAUSE_MS;
    this.#nextTrialMs = this.#clock.nowMs() + this.#trialPauseMs;
    this.#log.error('The lease on the local addresses has ended: kube-dns answers until we can');
    await this.#actions.drop();
  }

  async #tryAgain(): Promise<void> {
    this.#isHeld = true;
    await this.#actions.renew(this.#leaseMs);
    if (await this.#actions.probe()) {
      this.#log.info('Our own listeners answer again: the local addresses are back');
      this.#unanswered = 0;
      if (this.#isHeld) await this.#renew();
      return;
    }
    this.#isHeld = false;
    await this.#actions.drop();
    this.#trialPauseMs = Math.min(this.#trialPauseMs * 2, MAX_TRIAL_PAUSE_MS);
    this.#nextTrialMs = this.#clock.nowMs() + this.#trialPauseMs;
  }

  async #renew(): Promise<void> {
    await this.#actions.renew(this.#leaseMs);
    this.#endsAtMs = this.#clock.nowMs() + this.#leaseMs;
  }
}
