/**
 * Who asks what: samples queries while somebody looks, and costs the packet path one comparison
 * with null while nobody does.
 */

import { RCODE_NXDOMAIN } from '../dns/header.ts';
import { nameToText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import type { QueryView } from '../dns/query-view.ts';
import { typeName } from '../dns/type.ts';
import type { Clock } from '../log/clock.ts';
import type { Door } from '../server/door.ts';
import type { QueryObserver } from '../server/observer.ts';
import type { TopEntry, TopView } from './protocol.ts';
import { SpaceSaving } from './space-saving.ts';

/** Whose queries are looked at. */
export interface Observable {
  observe(observer: QueryObserver | null): void;
}

export interface TrafficWatchModules {
  /** The listeners in force. */
  readonly endpoints: () => readonly Observable[];
  readonly clock: Clock;
}

/** So many keys per list are counted. */
const CAPACITY = 256;
const SHOWN = 20;
const TICK_MS = 1000;
/** Nobody asked for this long: nobody looks any more. */
const IDLE_MS = 10_000;
/** Above this rate queries are sampled: each one costs about a microsecond. */
const SAMPLES_PER_SECOND = 1000;
/** Counts fade so that they say what happened in about this time. */
const WINDOW_SECONDS = 10;
const FADE_PER_TICK = Math.exp(-TICK_MS / 1000 / WINDOW_SECONDS);

export class TrafficWatch implements QueryObserver {
  readonly #modules: TrafficWatchModules;
  readonly #names = new SpaceSaving({ capacity: CAPACITY });
  readonly #clients = new SpaceSaving({ capacity: CAPACITY });
  readonly #types = new SpaceSaving({ capacity: CAPACITY });
  readonly #missingSuffixes = new SpaceSaving({ capacity: CAPACITY });
  /** All queries, fading as the lists do. */
  #total = 0;
  /** Samples since the last tick. */
  #samples = 0;
  #every = 1;
  #countdown = 1;
  #startedAtMs = 0;
  #lookedAtMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(modules: TrafficWatchModules) {
    this.#modules = modules;
  }

  get isWatching(): boolean {
    return this.#timer !== null;
  }

  /** What is known now. The first look begins the watch; it goes on while there are looks. */
  look(): TopView {
    const nowMs = this.#modules.clock.nowMs();
    this.#lookedAtMs = nowMs;
    if (this.#timer === null) this.#begin(nowMs);
    const watchedSeconds = (nowMs - this.#startedAtMs) / 1000;
    // How much a steady rate of 1/s has added up to by now.
    const weight = WINDOW_SECONDS * (1 - Math.exp(-watchedSeconds / WINDOW_SECONDS));
    const rate = (count: number) => (weight === 0 ? 0 : count / weight);
    const list = (counts: SpaceSaving): TopEntry[] =>
      counts.top(SHOWN).map(({ key, count }) => ({ key, perSecond: rate(count) }));
    return {
      watchedSeconds,
      sampledOneIn: this.#every,
      queriesPerSecond: rate(this.#total),
      names: list(this.#names),
      clients: list(this.#clients),
      types: list(this.#types),
      missingSuffixes: list(this.#missingSuffixes),
    };
  }

  /** Fades the counts, chooses the sampling rate, and ends the watch when nobody looks. */
  tick(): void {
    if (this.#modules.clock.nowMs() - this.#lookedAtMs > IDLE_MS) {
      this.stop();
      return;
    }
    const perSecond = (this.#samples * this.#every * 1000) / TICK_MS;
    this.#samples = 0;
    this.#every = Math.max(1, Math.ceil(perSecond / SAMPLES_PER_SECOND));
    this.#total *= FADE_PER_TICK;
    for (const counts of this.#lists()) counts.fade(FADE_PER_TICK);
    this.#observe();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    for (const endpoint of this.#modules.endpoints()) endpoint.observe(null);
    for (const counts of this.#lists()) counts.fade(0);
    this.#total = 0;
  }

  hit(view: QueryView, rcode: number, door: Door): void {
    if (!this.#isSample()) return;
    this.#note(nameToText(view.key, 0), view.qtype, rcode, door.currentClient().address);
  }

  miss(query: Query, rcode: number): void {
    if (!this.#isSample()) return;
    this.#note(query.name, query.qtype, rcode, query.client.address);
  }

  #begin(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.#timer.unref();
    this.#observe();
  }

  /** A reload may have brought new listeners. */
  #observe(): void {
    for (const endpoint of this.#modules.endpoints()) endpoint.observe(this);
  }

  #isSample(): boolean {
    if (--this.#countdown > 0) return false;
    this.#countdown = this.#every;
    return true;
  }

  #note(name: string, qtype: number, rcode: number, client: string): void {
    const weight = this.#every;
    this.#samples++;
    this.#total += weight;
    this.#names.add(name, weight);
    this.#clients.add(client, weight);
    this.#types.add(typeName(qtype), weight);
    if (rcode === RCODE_NXDOMAIN) this.#missingSuffixes.add(searchSuffix(name), weight);
  }

  #lists(): SpaceSaving[] {
    return [this.#names, this.#clients, this.#types, this.#missingSuffixes];
  }
}

/**
 * The part of a name that a search list is likely to have added: of `x.y.shop.svc.cluster.local.`
 * that is `shop.svc.cluster.local.`, of other names the last two labels.
 */
export function searchSuffix(name: string): string {
  const labels = name.split('.').slice(0, -1);
  const svc = labels.lastIndexOf('svc');
  const from = svc > 0 ? svc - 1 : Math.max(0, labels.length - 2);
  return `${labels.slice(from).join('.')}.`;
}
