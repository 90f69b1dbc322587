/**
 * `forward FROM TO… { … }`: asks upstreams (spec §5.4).
 *
 *   forward FROM TO... {
 *     except ZONES...                     force_tcp, prefer_udp
 *     policy random|round_robin|sequential
 *     expire DURATION                     max_age DURATION, max_idle_conns N
 *     max_fails N                         health_check DURATION [no_rec] [domain FQDN]
 *     max_concurrent N                    max_connect_attempts N, read_timeout DURATION
 *     next RCODES...                      next_on_nodata, failover RCODES...
 *     failfast_all_unhealthy_upstreams    randomize_case
 *     tls [CERT KEY] [CA]                 tls_servername NAME, source_address IP
 *     doh_method GET|POST                 resolver IP[:PORT]...
 *   }
 *
 * Syntax: forward-options.ts and forward-target.ts. Which upstreams that makes: forward-members.ts.
 * How upstreams are asked: src/forward.
 */
import { forwardCounters } from '../forward/forward-counters.ts';
import { Forwarder } from '../forward/forwarder.ts';
import type { Directive } from './directive.ts';
import { shareFairly } from './fair-stage.ts';
import { emptyReason, followMembers, takeMembers, upstreamsOf } from './forward-members.ts';
import { type ForwardRule, readForwardRule } from './forward-options.ts';
import { ForwardStage } from './forward-stage.ts';
import type { Stage } from './stage.ts';

export interface ForwardOptions {
  /** In the order of the Corefile: the first that matches is used. */
  readonly rules: readonly ForwardRule[];
}

export const forward: Directive<ForwardOptions> = {
  name: 'forward',
  repeatable: true,
  parse: (uses) => Object.freeze({ rules: Object.freeze(uses.map(readForwardRule)) }),

  stage({ rules }, context, next) {
    const log = context.log.forPlugin('forward');
    // From the last to the first, as each one hands on to the one behind it.
    const chain = rules.reduceRight<Stage>((behind, rule) => {
      for (const warning of rule.warnings) log.warning(warning);
      const members = takeMembers(rule, context, log);
      const forwarder = new Forwarder(rule.forwarder, upstreamsOf(members), {
        clock: context.clock,
        counters: forwardCounters(context.catalogue),
        emptyReason: () => emptyReason(rule, members),
      });
      followMembers(forwarder, members, context.parts);
      return new ForwardStage(rule, forwarder, behind);
    }, next);
    if (context.handlerNames?.includes('cache')) return chain;
    const stage = shareFairly(context, chain);
    context.offerHitPath(stage);
    return stage;
  },
};
