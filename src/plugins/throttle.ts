/** Queries refused because their client has its share of what is short: counted, and said once a minute. */
import { LRUCache } from 'lru-cache';
import { RCODE_REFUSED } from '../dns/header.ts';
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { failed, type Outcome } from './stage.ts';

/** What is short, and what is said of a client that wants too much of it. */
const REASONS = {
  processor: 'more than its share of queries wait for their turn',
  question: 'too many queries wait for the answer to one question',
  upstream: 'more than its share of queries wait for upstreams',
} as const;

export type ThrottleReason = keyof typeof REASONS;

const LOG_INTERVAL_MS = 60_000;
/** Clients whose last log line is remembered. */
const MAX_CLIENTS = 256;

// RFC 8914 has no better word for it: REFUSED is about policy (RFC 1035 §4.1.1), and unlike SERVFAIL
// it does not make musl ask again at once. The `errors` log says nothing: a flood would be logged.
const THROTTLED: Outcome = Object.freeze(failed(RCODE_REFUSED, ''));

export interface ThrottleModules {
  readonly log: Log;
  readonly clock: Clock;
}

export class Throttle {
  /** BOUNDED by REASONS. */
  readonly counts: Record<ThrottleReason, number> = { processor: 0, question: 0, upstream: 0 };
  readonly #modules: ThrottleModules;
  /** When a client was last logged. BOUNDED by MAX_CLIENTS. */
  readonly #loggedAtMs = new LRUCache<string, number>({ max: MAX_CLIENTS });

  constructor(modules: ThrottleModules) {
    this.#modules = modules;
  }

  /** Counts a refusal; the outcome to give where nothing better is at hand. */
  refuse(client: string, reason: ThrottleReason): Outcome {
    this.counts[reason]++;
    const nowMs = this.#modules.clock.nowMs();
    const before = this.#loggedAtMs.get(client);
    if (before === undefined || nowMs - before >= LOG_INTERVAL_MS) {
      this.#loggedAtMs.set(client, nowMs);
      this.#modules.log.warning(`refusing queries of ${client}: ${REASONS[reason]}`);
    }
    return THROTTLED;
  }
}

/** The throttle of the process. */
export function lastingThrottle(catalogue: Catalogue, modules: ThrottleModules): Throttle {
  return catalogue.lasting('throttle', () => {
    const throttle = new Throttle(modules);
    catalogue.source('nodelocaldns_throttled_total', (emit) => {
      for (const [reason, count] of Object.entries(throttle.counts)) emit({ reason }, count);
    });
    return throttle;
  });
}
