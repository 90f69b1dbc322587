/**
 * Forwards queries to a list of upstreams: which one, how long to wait, when to ask another.
 *
 * What one query does is in forwarding.ts; here is what all queries share. Time-outs follow the
 * measured round trip, so that a dead upstream costs a query a tenth of a second and not two:
 *
 * - An answer is overdue after the mean plus four deviations of the quickest usable upstream, at
 *   least RETRY_FLOOR_MS, at most the ceiling. Then the query is asked again elsewhere (another
 *   upstream, or another port or connection), with twice the patience; the first answer wins.
 * - A query is asked MIN_SENDS times at most, or twice per upstream.
 * - A query ends without an answer when none of the upstreams asked has said anything, to it or to
 *   a health check, for `silenceMs` (they are dead), and after `deadlineMs` in any case.
 */
import { RCODE_REFUSED, RCODE_SERVFAIL } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import type { Clock } from '../log/clock.ts';
import type { ForwardCounters } from './forward-counters.ts';
import { Forwarding, type OnForwarded } from './forwarding.ts';
import { Policy, type PolicyName } from './policy.ts';
import { randomBelow } from './random.ts';
import type { Upstream } from './upstream.ts';

/** No answer is overdue sooner: names that kube-dns has to fetch itself take tens of milliseconds. */
const RETRY_FLOOR_MS = 100;
/** Before the first measurement: with another upstream to turn to, and without. */
const FIRST_RETRY_MS = 300;
const FIRST_RETRY_ALONE_MS = 1500;
/** How often a query is asked at least before it is given up: where one in ten is lost, five may be. */
const MIN_SENDS = 6;
/** How often time is looked at while queries wait. */
const SWEEP_MS = 10;
/** Queries under way at once, of all forwards; more fail on the spot, so that memory stays bounded. */
export const MAX_IN_FLIGHT = 10_000;
/**
 * While no upstream says anything, so many may wait for one to come back; more fail on the spot. That
 * is so once CROWD have waited for PATIENCE_MS, or twice the usual time where answers take longer.
 */
export const MAX_UNHEARD = 512;
const CROWD = MAX_UNHEARD / 2;
const PATIENCE_MS = 400;

/** How a `forward` behaves; defaults are the directive's business. */
export interface ForwarderOptions {
  readonly policy: PolicyName;
  /** Over TCP (or TLS) whatever the client used. */
  readonly forceTcp: boolean;
  /** Over UDP whatever the client used; truncated answers again over TCP. */
  readonly preferUdp: boolean;
  /** Over UDP with letters of our own in each name (`randomize_case`). */
  readonly randomizeCase: boolean;
  readonly maxFails: number;
  /** Queries under way at once, 0 for no limit of the operator's own. */
  readonly maxConcurrent: number;
  /** Attempts of one query that may fail, 0 for twice the number of upstreams. */
  readonly maxConnectAttempts: number;
  /** Answer SERVFAIL at once while all upstreams are down. */
  readonly failFast: boolean;
  /** Response codes on which the next upstream is asked. */
  readonly failover: ReadonlySet<number>;
  /** Times one query is asked of each upstream, 0 for the engine's own choice. */
  readonly sendsPerUpstream: number;
  /** The longest wait before a query is asked again. */
  readonly retryCeilingMs: number;
  readonly silenceMs: number;
  readonly deadlineMs: number;
}

export class Forwarder {
  readonly options: ForwarderOptions;
  readonly #clock: Clock;
  readonly #counters: ForwardCounters;
  readonly #policy: Policy;
  /** What queries fail with when there are no upstreams. */
  readonly #emptyReason: () => string;
  /** BOUNDED by the directive: at most 15 words, of which a host name stands for 64 at most. */
  #upstreams: readonly Upstream[];
  /** Those of `#upstreams` that do not lead back to us. */
  #usable: readonly Upstream[];
  /** Those that do, as far as is known. BOUNDED by the upstreams checked. */
  #looping: ReadonlySet<Upstream> = new Set();
  /** Called when the upstreams have been replaced. */
  onReplaced: () => void = () => {};
  /**
   * In no order: the last takes the place of one that ends. No Set, for the reason in
   * tables/slot-map.ts. BOUNDED by MAX_IN_FLIGHT.
   */
  readonly #inFlight: Forwarding[] = [];
  /** Since when CROWD queries or more have been under way; out of date while they are fewer. */
  #crowdedSinceMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    options: ForwarderOptions,
    upstreams: readonly Upstream[],
    modules: { clock: Clock; counters: ForwardCounters; emptyReason?: () => string },
  ) {
    this.options = options;
    this.#upstreams = upstreams;
    this.#usable = upstreams;
    this.#clock = modules.clock;
    this.#counters = modules.counters;
    this.#policy = new Policy(options.policy);
    this.#emptyReason = modules.emptyReason ?? (() => 'no upstream to forward to');
  }

  get upstreams(): readonly Upstream[] {
    return this.#upstreams;
  }

  get inFlightCount(): number {
    return this.#inFlight.length;
  }

  /** Asks others from now on; queries under way end with those they began with. */
  replaceUpstreams(upstreams: readonly Upstream[]): void {
    this.#upstreams = upstreams;
    this.excludeLooping(this.#looping);
    this.onReplaced();
  }

  /** Leaves out the upstreams that lead back to this server (`loop`). */
  excludeLooping(looping: ReadonlySet<Upstream>): void {
    this.#looping = looping;
    this.#usable = this.#upstreams.filter((upstream) => !looping.has(upstream));
  }

  /** Forwards `query` as it was received. Calls `done` once, at once or later. Never throws. */
  forward(query: Query, done: OnForwarded): void {
    const { maxConcurrent } = this.options;
    if (maxConcurrent !== 0 && this.#inFlight.length >= maxConcurrent) {
      this.#counters.maxConcurrentRejects++;
      done(null, RCODE_REFUSED, `concurrent queries exceeded maximum ${maxConcurrent}`);
      return;
    }
    if (this.#counters.inFlight >= MAX_IN_FLIGHT) {
      this.#counters.overflows++;
      done(null, RCODE_SERVFAIL, `${MAX_IN_FLIGHT} queries wait for their upstreams`);
      return;
    }
    if (this.#usable.length === 0) {
      done(null, RCODE_SERVFAIL, this.#whyNone());
      return;
    }
    const nowMs = this.#clock.nowMs();
    if (this.#inFlight.length === CROWD) this.#crowdedSinceMs = nowMs;
    if (this.#inFlight.length >= MAX_UNHEARD && this.#isUnheard(nowMs)) {
      this.#counters.overflows++;
      done(null, RCODE_SERVFAIL, `no upstream answers, and ${MAX_UNHEARD} queries wait for one`);
      return;
    }
    const forwarding = new Forwarding(this, query, this.#policy.order(this.#usable), done);
    forwarding.place = this.#inFlight.push(forwarding) - 1;
    this.#counters.inFlight++;
    forwarding.start(nowMs);
    if (this.#timer === null && this.#inFlight.length > 0) this.#sweepLater();
  }

  /** Looks at the time of every query under way. A timer does this; tests do it themselves. */
  sweep(): void {
    const nowMs = this.#clock.nowMs();
    // Backwards, because one that ends makes the last change its place.
    for (let i = this.#inFlight.length - 1; i >= 0; i--) {
      const forwarding = this.#inFlight[i];
      if (forwarding !== undefined && nowMs >= forwarding.wakeAtMs) forwarding.wake(nowMs);
    }
  }

  /** Called once by a query that was under way and has ended. */
  leave(forwarding: Forwarding): void {
    const last = this.#inFlight.pop();
    if (last === undefined) return;
    if (last !== forwarding) {
      this.#inFlight[forwarding.place] = last;
      last.place = forwarding.place;
    }
    this.#counters.inFlight--;
  }

  /**
   * The upstream to ask next: from `cursor` on, one that is well; else one that is only suspected;
   * −1 when all are down.
   */
  choose(order: readonly Upstream[], cursor: number): number {
    const { maxFails } = this.options;
    let suspect = -1;
    for (let i = 0; i < order.length; i++) {
      const at = (cursor + i) % order.length;
      const upstream = order[at];
      if (!upstream.isSuspect) return at;
      if (suspect < 0 && !upstream.isDown(maxFails)) suspect = at;
    }
    return suspect;
  }

  /** All are down: one by chance, or −1 where that is not wanted. */
  chooseBroken(order: readonly Upstream[]): number {
    this.#counters.healthCheckBroken++;
    return this.options.failFast ? -1 : randomBelow(order.length);
  }

  /** Failed attempts after which a query of `count` upstreams is given up. */
  maxFailures(count: number): number {
    return this.options.maxConnectAttempts || 2 * count;
  }

  maxSends(count: number): number {
    return this.options.sendsPerUpstream * count || Math.max(MIN_SENDS, 2 * count);
  }

  /** How long to wait for an answer before asking again. */
  retryDelayMs(order: readonly Upstream[]): number {
    let quickest = Number.POSITIVE_INFINITY;
    for (const { roundTrip } of order) {
      if (roundTrip.isMeasured) quickest = Math.min(quickest, roundTrip.timeoutMs);
    }
    const ceiling = this.options.retryCeilingMs;
    if (quickest === Number.POSITIVE_INFINITY) {
      return Math.min(order.length > 1 ? FIRST_RETRY_MS : FIRST_RETRY_ALONE_MS, ceiling);
    }
    return Math.min(Math.max(quickest, RETRY_FLOOR_MS), ceiling);
  }

  /** Whether no upstream has said anything to a crowd that has waited long enough. */
  #isUnheard(nowMs: number): boolean {
    // Without health checks silence says nothing: the questions may just be slow to answer.
    if (this.options.maxFails === 0) return false;
    let sinceMs = this.#crowdedSinceMs;
    for (const { lastHeardAtMs } of this.#usable) sinceMs = Math.max(sinceMs, lastHeardAtMs);
    return nowMs - sinceMs >= Math.max(PATIENCE_MS, 2 * this.retryDelayMs(this.#usable));
  }

  #whyNone(): string {
    return this.#upstreams.length === 0
      ? this.#emptyReason()
      : 'every upstream leads back to this server';
  }

  #sweepLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.sweep();
      if (this.#inFlight.length > 0) this.#sweepLater();
    }, SWEEP_MS);
  }
}
