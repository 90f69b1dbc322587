/**
 * In front of `forward` where nothing is cached: each client has its share of what is short, the
 * processor and the queries that may wait for upstreams. What a cache misses goes the same way through
 * cache-fetcher.ts.
 */
import { CacheCounters } from '../cache/counters.ts';
import { FairShare } from '../cache/fair-share.ts';
import { MAX_WAITING } from '../cache/flight.ts';
import type { Client, Query } from '../dns/query.ts';
import type { QueryView } from '../dns/query-view.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { BlockContext, Part } from './directive.ts';
import { lastingMissQueue, type MissQueue } from './miss-queue.ts';
import type { Done, HitPath, Stage } from './stage.ts';
import { lastingThrottle, type Throttle, type ThrottleReason } from './throttle.ts';

export interface FairModules {
  /** Queries that wait for upstreams. */
  readonly share: FairShare;
  readonly queue: MissQueue;
  readonly throttle: Throttle;
  /** What comes behind. */
  readonly next: Stage;
}

export class FairStage implements Stage, HitPath {
  readonly next: Stage;
  readonly #modules: FairModules;
  /** Nothing is looked up here: these stay at nothing, and are not shown. */
  readonly #counters = new CacheCounters();

  constructor(modules: FairModules) {
    this.#modules = modules;
    this.next = modules.next;
  }

  countersFor(): CacheCounters {
    return this.#counters;
  }

  readonly hitTtlSeconds = 0;

  hit(): null {
    return null;
  }

  get isPressed(): boolean {
    return this.#modules.queue.isPressed || this.#modules.share.isPressed;
  }

  sheds(_view: QueryView, _nowMs: number, _counters: CacheCounters, { address }: Client): boolean {
    const reason = this.#shortage(address);
    if (reason === null) return false;
    this.#modules.throttle.refuse(address, reason);
    return true;
  }

  resolve(query: Query, done: Done): void {
    const { share, queue, throttle } = this.#modules;
    const { address } = query.client;
    if (!share.take(address)) {
      done(throttle.refuse(address, 'upstream'));
      return;
    }
    const isQueued = queue.run(query, this.next, (outcome) => {
      share.give(address);
      done(outcome);
    });
    if (isQueued) return;
    share.give(address);
    done(throttle.refuse(address, 'processor'));
  }

  /** What a client has its share of; null when it may ask. */
  #shortage(address: string): ThrottleReason | null {
    if (!this.#modules.queue.hasRoom(address)) return 'processor';
    return this.#modules.share.hasRoom(address) ? null : 'upstream';
  }
}

/** The shares of a block's clients, across reloads. */
class SharePart implements Part {
  readonly share = new FairShare(MAX_WAITING);
  readonly #catalogue: Catalogue;
  #removeSource: () => void = () => {};

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  async start(): Promise<void> {
    this.#removeSource = this.#catalogue.source('nodelocaldns_misses_waiting', (emit) => {
      emit({ for: 'upstream' }, this.share.total);
    });
  }

  async stop(): Promise<void> {
    this.#removeSource();
  }
}

/** Puts it in front of `next`. The stage is also a way to refuse queries before they are copied. */
export function shareFairly(context: BlockContext, next: Stage): FairStage {
  const { catalogue, clock, log, parts, servers, zones } = context;
  const key = `shares ${servers.join()} ${zones.join()}`;
  return new FairStage({
    share: parts.take(key, () => new SharePart(catalogue)).share,
    queue: lastingMissQueue(catalogue),
    throttle: lastingThrottle(catalogue, { log: log.forPlugin('forward'), clock }),
    next,
  });
}
