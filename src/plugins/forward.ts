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
 *   }
 *
 * Syntax: forward-options.ts and forward-target.ts. How upstreams are asked: src/forward.
 */
import { createHash } from 'node:crypto';
import { contentVersion } from '../config/watch.ts';
import { forwardCounters } from '../forward/forward-counters.ts';
import { Forwarder } from '../forward/forwarder.ts';
import { RESOLVED_LIST, usableServers } from '../forward/resolv-conf.ts';
import { addressText, Upstream, type UpstreamOptions } from '../forward/upstream.ts';
import { upstreamCounters } from '../forward/upstream-counters.ts';
import type { Log } from '../log/log.ts';
import type { BlockContext, Directive } from './directive.ts';
import { followFile } from './follow-file.ts';
import { type ForwardRule, readForwardRule } from './forward-options.ts';
import { ForwardStage } from './forward-stage.ts';
import type { AddressTarget, FileTarget } from './forward-target.ts';
import type { Stage } from './stage.ts';

const DNS_PORT = 53;

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
    return rules.reduceRight<Stage>((behind, rule) => {
      for (const warning of rule.warnings) log.warning(warning);
      const forwarder = new Forwarder(rule.forwarder, takeUpstreams(rule, context, log), {
        clock: context.clock,
        counters: forwardCounters(context.catalogue),
        emptyReason: emptyReason(rule),
      });
      return new ForwardStage(rule, forwarder, behind);
    }, next);
  },
};

/** The upstreams of a rule: those in use already where nothing about them has changed. */
function takeUpstreams(rule: ForwardRule, context: BlockContext, log: Log): readonly Upstream[] {
  const targets = rule.targets.flatMap((target) =>
    target.kind === 'file' ? listedTargets(target, context, log) : [target],
  );
  return targets.map((target) => {
    const options = upstreamOptions(rule, target);
    return context.parts.take(`upstream ${digest(options)}`, () => {
      const to = addressText(target.address, target.port);
      return new Upstream(options, {
        clock: context.clock,
        counters: upstreamCounters(context.catalogue, to),
      });
    });
  });
}

/**
 * The servers of a file that may be used; says in the log what is left out, and why. The file is
 * followed, and systemd-resolved's where that takes its place.
 */
function listedTargets(target: FileTarget, context: BlockContext, log: Log): AddressTarget[] {
  const { path, conf } = target;
  const isOwn = (address: string) => context.daemon.isOwnAddress(address, DNS_PORT);
  followFile(path, context, target.version);
  const resolvedVersion = contentVersion(RESOLVED_LIST, 'file');
  const { servers, omitted, isResolvedList } = usableServers(conf.servers, isOwn);
  if (isResolvedList) followFile(RESOLVED_LIST, context, resolvedVersion);
  if (omitted.length > 0) {
    const left = isResolvedList ? `the servers of ${RESOLVED_LIST}` : 'the others';
    const instead = servers.length === 0 ? 'no server is left: queries will fail' : `using ${left}`;
    log.warning(`${path}: ${omitted.join(', ')} would lead back to this server, ${instead}`);
  }
  return servers.map((address) => ({
    kind: 'address',
    address,
    port: DNS_PORT,
    isTls: false,
    serverName: '',
  }));
}

/** What queries fail with when no target can be used: those that have an address always can. */
function emptyReason({ targets }: ForwardRule): string {
  const paths = targets.map((target) => (target.kind === 'file' ? target.path : target.address));
  return `no upstream to forward to: all servers of ${paths.join(', ')} lead back to this server`;
}

function upstreamOptions(rule: ForwardRule, target: AddressTarget): UpstreamOptions {
  const { address, port, isTls, serverName } = target;
  const tls = isTls ? { ...rule.tls, serverName: serverName || rule.tls.serverName } : null;
  return {
    target: { address, port, sourceAddress: rule.sourceAddress, tls },
    limits: rule.limits,
    healthCheck: rule.healthCheck,
    checkOverTcp: rule.forwarder.forceTcp,
  };
}

/** Equal for upstreams that can stand for each other. A hash, as a private key is part of it. */
function digest(options: UpstreamOptions): string {
  const { address, port } = options.target;
  const hash = createHash('sha256').update(JSON.stringify(options)).digest('hex');
  return `${addressText(address, port)} ${hash}`;
}
