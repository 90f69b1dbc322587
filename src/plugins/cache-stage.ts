/**
 * The cache's stop on the road: answers from its entries, asks the next stage for the rest, and
 * keeps popular and stale entries fresh in the background.
 *
 *   fresh ─────────────▶ answer, and fetch anew when it is popular and about to expire
 *   stale, immediate ──▶ answer, and fetch anew
 *   stale, verify ─────▶ fetch anew; answer with the stale one when that fails or takes too long
 *   guarded ───────────▶ fetch; answer with the old one when a denial or an error comes
 *   nothing ───────────▶ deny what is below a denied name (cache-cut.ts), else fetch
 *
 * How something is fetched: cache-fetcher.ts.
 */
import type { AnswerCache } from '../cache/answer-cache.ts';
import type { CacheCounters } from '../cache/counters.ts';
import type { Entry } from '../cache/entry.ts';
import { ZoneSet } from '../cache/zone-set.ts';
import { FLAG_AA, RCODE_NOERROR, RCODE_NXDOMAIN, RCODE_SERVFAIL } from '../dns/header.ts';
import type { Client, Query } from '../dns/query.ts';
import type { QueryView } from '../dns/query-view.ts';
import type { Moment } from '../log/clock.ts';
import { NxdomainCut } from './cache-cut.ts';
import { CacheFetcher, type CacheModules, type Fetched, PLUGIN } from './cache-fetcher.ts';
import type { CacheOptions } from './cache-options.ts';
import { answered, type Done, failed, type HitPath, type Stage } from './stage.ts';

export class CacheStage implements Stage, HitPath {
  readonly #options: CacheOptions;
  readonly #modules: CacheModules;
  readonly #cache: AnswerCache;
  readonly #fetcher: CacheFetcher;
  /** Null without `nxdomain_cut`. */
  readonly #cut: NxdomainCut | null;
  /** Null when all of the block's names are cached. */
  readonly #zones: ZoneSet | null;
  #hitTtlSeconds = 0;
  /** BOUNDED by the listeners of the block. */
  readonly #counters = new Map<string, CacheCounters>();

  constructor(options: CacheOptions, modules: CacheModules) {
    this.#options = options;
    this.#modules = modules;
    this.#cache = modules.cache;
    this.#fetcher = new CacheFetcher(modules);
    this.#cut =
      options.cutZones.length === 0
        ? null
        : new NxdomainCut(options.cutZones, { ...modules, fetcher: this.#fetcher });
    this.#zones = options.isPartial ? new ZoneSet(options.zones) : null;
  }

  countersFor(server: string): CacheCounters {
    let counters = this.#counters.get(server);
    if (counters === undefined) {
      counters = this.#modules.countersFor(server);
      this.#counters.set(server, counters);
    }
    return counters;
  }

  // A name outside the cache's zones is never stored, so it is not looked for here.
  hit(view: QueryView, { nowMs }: Moment, counters: CacheCounters): Entry | null {
    const entry = this.#cache.getFor(view);
    if (entry === null || nowMs >= entry.expiresAtMs) return null;
    const { prefetch } = this.#options;
    if (prefetch.amount !== 0) {
      if (this.#isDue(entry, nowMs)) return null;
      entry.noteHit(nowMs, prefetch.durationMs);
    }
    countHit(entry, counters);
    this.#hitTtlSeconds = this.#freshTtl(entry, nowMs);
    return entry;
  }

  get hitTtlSeconds(): number {
    return this.#hitTtlSeconds;
  }

  get isPressed(): boolean {
    return this.#fetcher.isPressed;
  }

  sheds(view: QueryView, nowMs: number, counters: CacheCounters, { address }: Client): boolean {
    const reason = this.#fetcher.shortage(address);
    if (reason === null) return false;
    const entry = this.#cache.getFor(view);
    if (entry !== null && this.#cache.isOfUse(entry, nowMs)) return false;
    counters.requests++;
    counters.misses++;
    this.#modules.throttle.refuse(address, reason);
    return true;
  }

  resolve(query: Query, done: Done): void {
    const isOutside = this.#zones !== null && !this.#zones.covers(query.key);
    if (isOutside || query.trace?.skipsCache === true) {
      this.#modules.uncached.resolve(query, done);
      return;
    }
    const nowMs = this.#modules.clock.nowMs();
    const counters = this.countersFor(query.server);
    const entry = this.#cache.get(query.key, query.keyHash);
    if (entry !== null && nowMs < entry.expiresAtMs) {
      countHit(entry, counters);
      this.#serveFresh(query, entry, nowMs, counters, done);
    } else if (entry !== null && this.#cache.servesStale(entry, nowMs)) {
      countHit(entry, counters);
      this.#serveStale(query, entry, nowMs, counters, done);
    } else if (entry !== null && this.#cache.guards(entry, nowMs)) {
      counters.requests++;
      counters.misses++;
      this.#serveGuarded(query, entry, nowMs, counters, done);
    } else if (this.#cut === null) {
      this.#serveMiss(query, counters, done);
    } else {
      const otherwise = () => this.#serveMiss(query, counters, done);
      this.#cut.resolve({ query, counters, done, otherwise });
    }
  }

  #serveMiss(query: Query, counters: CacheCounters, done: Done): void {
    counters.requests++;
    counters.misses++;
    const refusal = this.#fetcher.fetch(query, counters, ({ outcome, kept }) => {
      if (kept !== null && kept.entry !== null) addToTally(kept.entry);
      done(outcome);
    });
    if (refusal !== null) done(this.#modules.throttle.refuse(query.client.address, refusal));
  }

  #serveFresh(
    query: Query,
    entry: Entry,
    nowMs: number,
    counters: CacheCounters,
    done: Done,
  ): void {
    const { prefetch } = this.#options;
    const due = prefetch.amount !== 0 && this.#isDue(entry, nowMs);
    if (prefetch.amount !== 0) entry.noteHit(nowMs, prefetch.durationMs);
    deliver(entry, this.#freshTtl(entry, nowMs), done);
    if (due) this.#refresh(query, entry, counters);
  }

  #serveStale(
    query: Query,
    entry: Entry,
    nowMs: number,
    counters: CacheCounters,
    done: Done,
  ): void {
    const recheck = nowMs >= entry.retryAtMs;
    if (this.#options.stale.verify && recheck) {
      this.#verify(query, entry, counters, done);
      return;
    }
    counters.servedStale++;
    deliver(entry, this.#options.stale.ttlSeconds, done);
    if (recheck && !entry.refreshing) this.#refresh(query, entry, counters);
  }

  /** Asks the upstream; the entry is what is left when that brings nothing in time. */
  #verify(query: Query, entry: Entry, counters: CacheCounters, done: Done): void {
    const { verifyTimeoutMs, ttlSeconds } = this.#options.stale;
    let waiting = true;
    const serveStale = () => {
      if (!waiting) return;
      waiting = false;
      counters.servedStale++;
      deliver(entry, ttlSeconds, done);
    };
    const timer = verifyTimeoutMs > 0 ? setTimeout(serveStale, verifyTimeoutMs) : undefined;
    const refusal = this.#fetcher.fetch(query, counters, (fetched) => {
      clearTimeout(timer);
      if (!this.#isNews(entry, fetched)) {
        this.#noteFailure(entry);
        serveStale();
      } else if (waiting) {
        waiting = false;
        done(fetched.outcome);
      }
    });
    if (refusal === null) return;
    this.#modules.throttle.refuse(query.client.address, refusal);
    clearTimeout(timer);
    serveStale();
  }

  /** Asks the upstream; the good answer it once had is worth more than none. */
  #serveGuarded(
    query: Query,
    entry: Entry,
    nowMs: number,
    counters: CacheCounters,
    done: Done,
  ): void {
    const serveGood = () => {
      counters.guarded++;
      deliver(entry, this.#options.stale.ttlSeconds, done);
    };
    if (nowMs < entry.retryAtMs) {
      serveGood();
      return;
    }
    const refusal = this.#fetcher.fetch(query, counters, ({ outcome, kept }) => {
      if (kept?.answersQuestion) {
        done(outcome);
        return;
      }
      this.#noteFailure(entry);
      serveGood();
    });
    if (refusal === null) return;
    this.#modules.throttle.refuse(query.client.address, refusal);
    serveGood();
  }

  /** Fetches in the background what `entry` holds. */
  #refresh(query: Query, entry: Entry, counters: CacheCounters): void {
    entry.refreshing = true;
    const refusal = this.#fetcher.fetch(query, counters, ({ kept }) => {
      entry.refreshing = false;
      if (kept === null || kept.entry === null) {
        this.#noteFailure(entry);
        return;
      }
      kept.entry.hits = entry.hits;
      kept.entry.lastHitAtMs = entry.lastHitAtMs;
    });
    if (refusal === null) counters.prefetches++;
    else entry.refreshing = false;
  }

  /** Whether what was fetched is better than the stale `entry`. */
  #isNews(entry: Entry, { outcome, kept }: Fetched): boolean {
    if (kept === null) return false;
    if (this.#options.preferPositive && entry.answersQuestion) return kept.answersQuestion;
    return outcome.rcode === RCODE_NOERROR || outcome.rcode === RCODE_NXDOMAIN;
  }

  #noteFailure(entry: Entry): void {
    entry.retryAtMs = this.#modules.clock.nowMs() + this.#options.stale.recheckMs;
  }

  /** Whether this hit is the one upon which `entry` is fetched anew. */
  #isDue(entry: Entry, nowMs: number): boolean {
    const { amount, durationMs, percent } = this.#options.prefetch;
    if (entry.refreshing || nowMs < entry.retryAtMs) return false;
    const threshold = Math.ceil((percent / 100) * entry.lifetimeSeconds);
    return (
      entry.remainingSeconds(nowMs) <= threshold && entry.hitsWith(nowMs, durationMs) >= amount
    );
  }

  #freshTtl(entry: Entry, nowMs: number): number {
    return this.#options.keepTtl ? entry.lifetimeSeconds : entry.remainingSeconds(nowMs);
  }
}

function countHit(entry: Entry, counters: CacheCounters): void {
  counters.requests++;
  entry.uses++;
  if (entry.isDenial) {
    counters.denialHits++;
    addToTally(entry);
  } else {
    counters.successHits++;
  }
}

function addToTally({ tally }: Entry): void {
  if (tally !== null) tally.count++;
}

function deliver(entry: Entry, ttlSeconds: number, done: Done): void {
  const answer = entry.toAnswer(ttlSeconds);
  if (answer === null) done(failed(RCODE_SERVFAIL, 'an entry of the cache cannot be read'));
  else done(answered(answer, PLUGIN, FLAG_AA));
}
