/** From the words of a `forward` to the upstreams that are asked. */
import { createHash, randomUUID } from 'node:crypto';
import { contentVersion } from '../config/watch.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { DnsHostLookup, systemServers } from '../forward/host-lookup.ts';
import { NamedUpstreams } from '../forward/named-upstreams.ts';
import { RESOLVED_LIST, usableServers } from '../forward/resolv-conf.ts';
import { addressText, Upstream, type UpstreamOptions } from '../forward/upstream.ts';
import { borrowUpstreamCounters, upstreamCounters } from '../forward/upstream-counters.ts';
import type { Log } from '../log/log.ts';
import type { BlockContext, Parts } from './directive.ts';
import { followFile } from './follow-file.ts';
import type { ForwardRule } from './forward-options.ts';
import type { AddressTarget, FileTarget, HostTarget } from './forward-target.ts';

const DNS_PORT = 53;

/** One upstream for good, or those behind a host name. */
export type Member = Upstream | NamedUpstreams;

/** The members of a rule: those in use already where nothing about them has changed. */
export function takeMembers(rule: ForwardRule, context: BlockContext, log: Log): readonly Member[] {
  return rule.targets.flatMap((target): Member[] => {
    if (target.kind === 'host') return [takeNamed(rule, target, context, log)];
    const targets = target.kind === 'file' ? listedTargets(target, context, log) : [target];
    return targets.map((listed) => takeUpstream(rule, listed, context));
  });
}

/** All upstreams of the members now; an address that a name shares with others is there once. */
export function upstreamsOf(members: readonly Member[]): readonly Upstream[] {
  const upstreams: Upstream[] = [];
  for (const member of members) {
    if (member instanceof Upstream) {
      upstreams.push(member);
      continue;
    }
    const known = new Set(upstreams.map(({ to }) => to));
    upstreams.push(...member.upstreams.filter(({ to }) => !known.has(to)));
  }
  return upstreams;
}

/** Keeps a forwarder at what its host names stand for, for as long as its configuration is in force. */
export function followMembers(
  forwarder: Forwarder,
  members: readonly Member[],
  parts: Parts,
): void {
  const named = members.filter((member) => member instanceof NamedUpstreams);
  if (named.length === 0) return;
  const update = () => forwarder.replaceUpstreams(upstreamsOf(members));
  let stops: (() => void)[] = [];
  // A key of its own: the forwarder of another configuration is another one.
  parts.take(`members ${randomUUID()}`, () => ({
    start: async () => {
      stops = named.map((member) => member.follow(update));
      update();
    },
    stop: async () => {
      for (const stop of stops) stop();
    },
  }));
}

/** What queries fail with when none of the members can be used: those with an address always can. */
export function emptyReason({ targets }: ForwardRule, members: readonly Member[]): string {
  const problems = members.flatMap((member) => (member instanceof Upstream ? [] : member.problem));
  const paths = targets.flatMap((target) => (target.kind === 'file' ? target.path : []));
  if (paths.length > 0)
    problems.push(`all servers of ${paths.join(', ')} lead back to this server`);
  return `no upstream to forward to: ${problems.join('; ')}`;
}

function takeUpstream(rule: ForwardRule, target: AddressTarget, context: BlockContext): Upstream {
  const options = upstreamOptions(rule, target);
  const to = addressText(target.address, target.port);
  return context.parts.take(`upstream ${to} ${digest(options)}`, () => {
    const counters = upstreamCounters(context.catalogue, to);
    return new Upstream(options, { clock: context.clock, counters });
  });
}

function takeNamed(
  rule: ForwardRule,
  { kind: _, name, ...way }: HostTarget,
  { parts, catalogue, clock, daemon }: BlockContext,
  log: Log,
): NamedUpstreams {
  const { resolvers } = rule;
  const { port } = way;
  const serverName = way.serverName || rule.tls.serverName || name;
  const optionsFor = (address: string) =>
    upstreamOptions(rule, { ...way, kind: 'address', address, serverName });
  const leadsBack = (address: string) => daemon.isOwnAddress(address, port);
  const servers = () =>
    resolvers.length > 0
      ? resolvers
      : systemServers((address) => daemon.isOwnAddress(address, DNS_PORT));
  const key = `upstreams ${name}:${port} ${digest([optionsFor(''), resolvers])}`;
  return parts.take(key, () => {
    const makeUpstream = (address: string) => {
      const { counters, release } = borrowUpstreamCounters(catalogue, addressText(address, port));
      return new Upstream(optionsFor(address), { clock, counters, onStopped: release });
    };
    const lookup = new DnsHostLookup(servers);
    return new NamedUpstreams({ name }, { lookup, log, makeUpstream, leadsBack });
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

function upstreamOptions(rule: ForwardRule, target: AddressTarget): UpstreamOptions {
  const { address, port, isTls, serverName, path } = target;
  const { sourceAddress, httpsMethod: method } = rule;
  const tls = isTls ? { ...rule.tls, serverName: serverName || rule.tls.serverName } : null;
  const https = path === undefined ? {} : { https: { path, method } };
  return {
    target: { address, port, sourceAddress, tls, ...https },
    limits: rule.limits,
    healthCheck: rule.healthCheck,
    checkOverTcp: rule.forwarder.forceTcp,
  };
}

/** Equal for options that are the same. A hash, as a private key is part of them. */
function digest(options: unknown): string {
  return createHash('sha256').update(JSON.stringify(options)).digest('hex');
}
