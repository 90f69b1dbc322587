/**
 * `cache [TTL] [ZONES...]`: answers from memory what was asked before (spec §5.3).
 *
 *   cache [TTL] [ZONES...] {
 *     success CAPACITY [TTL] [MINTTL]
 *     denial CAPACITY [TTL] [MINTTL]
 *     prefetch AMOUNT [DURATION] [PERCENT%]
 *     serve_stale [DURATION] [immediate | verify [TIMEOUT]] [RESPONSE_TTL] [FAILURE_RECHECK]
 *     serve_stale_policy prefer_positive
 *     servfail DURATION
 *     disable success|denial [ZONES...]
 *     keepttl
 *     guard DURATION [ZONES...]
 *     nxdomain_cut [ZONES...]
 *   }
 *
 * Syntax: cache-options.ts. What it does with a query: cache-stage.ts. What stays across a reload:
 * cache-part.ts. What is kept and for how long: src/cache. Who waits when clients ask for more than
 * can be had: miss-queue.ts, throttle.ts.
 */
import { type CacheOptions, readCacheOptions } from './cache-options.ts';
import { lastingCounters, takeCachePart } from './cache-part.ts';
import { CacheStage } from './cache-stage.ts';
import type { Directive } from './directive.ts';
import { shareFairly } from './fair-stage.ts';
import { lastingMissQueue } from './miss-queue.ts';
import { lastingThrottle } from './throttle.ts';

export const cache: Directive<CacheOptions> = {
  name: 'cache',
  repeatable: false,
  parse: ([use], facts) => readCacheOptions(use, facts),

  stage(options, context, next) {
    const { catalogue, clock } = context;
    const { cache, flights } = takeCachePart(options, context);
    const throttle = lastingThrottle(catalogue, { log: context.log.forPlugin('cache'), clock });
    const stage = new CacheStage(options, {
      cache,
      flights,
      queue: lastingMissQueue(catalogue),
      throttle,
      countersFor: (server) => lastingCounters(catalogue, options.zones, server),
      clock,
      next,
      uncached: options.isPartial ? shareFairly(context, next) : next,
    });
    context.offerHitPath(stage);
    return stage;
  },
};
