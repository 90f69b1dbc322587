/** The state of the daemon as one object: for `status`, `doctor` and the page. */
import type { Upstream } from '../forward/upstream.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { MetricName } from '../metrics/definitions.ts';
import { FINE_TIME_BOUNDS, Histogram } from '../metrics/histogram.ts';
import { VERSION } from '../metrics/version.ts';
import type { Counts, Durations, NodeState, UpstreamState } from './protocol.ts';
import type { ControlSources } from './sources.ts';

/** Failed checks after which an upstream is called down: the default of `max_fails`. */
const DOWN_FAILS = 2;

export function nodeState(sources: ControlSources): NodeState {
  const { setup, corefilePath, catalogue } = sources;
  const configuration = sources.configuration();
  return {
    version: VERSION,
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    memoryOctets: process.memoryUsage.rss(),
    nowMs: Date.now(),
    setup,
    interception: sources.interception(),
    listeners: sources.endpoints().map(({ served, received, inFlight }) => ({
      address: served.address,
      port: served.port,
      zones: served.zones.map(({ zone }) => zone),
      received,
      inFlight,
    })),
    upstreams: upstreamStates(sources.upstreams()),
    caches: sources.caches().map(({ name, cache }) => ({
      name,
      successes: cache.successCount,
      denials: cache.denialCount,
    })),
    counts: counts(catalogue),
    corefile: {
      path: corefilePath,
      digest: configuration?.digest ?? '',
      text: configuration?.parsed.text ?? '',
    },
    problems: sources.complaints().map(({ entry, atMs, times }) => ({
      ...{ atMs, times, plugin: entry.plugin, text: entry.text },
      level: (entry.level ?? 'info').toLowerCase(),
    })),
    setupErrors: byLabel(catalogue, 'coredns_nodecache_setup_errors_total', 'errortype'),
  };
}

/** One line per address: several blocks may have an upstream in common, each with options of its own. */
export function upstreamStates(upstreams: readonly Upstream[]): UpstreamState[] {
  const groups = Map.groupBy(upstreams, ({ to }) => to);
  return [...groups].map(([to, same]) => {
    const [{ counters }] = same;
    const measured = same.filter(({ roundTrip }) => roundTrip.isMeasured);
    return {
      to,
      health: health(same),
      roundTripMs:
        measured.length === 0
          ? null
          : Math.min(...measured.map(({ roundTrip }) => roundTrip.meanMs)),
      sent: counters.sent,
      overdue: counters.overdue,
      failedChecks: counters.healthCheckFailures,
    };
  });
}

function health(same: readonly Upstream[]): UpstreamState['health'] {
  if (same.some(({ loopingZones }) => loopingZones.size > 0)) return 'looping';
  if (same.some((upstream) => upstream.isDown(DOWN_FAILS))) return 'down';
  if (same.some(({ isSuspect }) => isSuspect)) return 'suspect';
  return same.some(({ counters }) => counters.sent > 0) ? 'well' : 'unused';
}

function counts(catalogue: Catalogue): Counts {
  return {
    requests: total(catalogue, 'coredns_dns_requests_total'),
    hits: total(catalogue, 'coredns_cache_hits_total'),
    misses: total(catalogue, 'coredns_cache_misses_total'),
    servedStale: total(catalogue, 'coredns_cache_served_stale_total'),
    rcodes: byLabel(catalogue, 'coredns_dns_responses_total', 'rcode'),
    wastedSearches: byLabel(catalogue, 'nodelocaldns_wasted_searches_total', 'suffix'),
    leaseExpiries: byLabel(catalogue, 'nodelocaldns_lease_expiries_total', 'reason'),
    repairs: byLabel(catalogue, 'nodelocaldns_repairs_total', 'kind'),
    hitDurations: durations(catalogue, 'nodelocaldns_hit_duration_seconds'),
    missDurations: durations(catalogue, 'nodelocaldns_miss_duration_seconds'),
  };
}

function total(catalogue: Catalogue, name: MetricName): number {
  let sum = 0;
  catalogue.read(name, (_labels, value) => {
    if (typeof value === 'number') sum += value;
  });
  return sum;
}

/** Sums by the value of one label, those that are 0 left out. */
function byLabel(catalogue: Catalogue, name: MetricName, label: string): Record<string, number> {
  const sums: Record<string, number> = {};
  catalogue.read(name, (labels, value) => {
    if (typeof value !== 'number' || value === 0) return;
    sums[labels[label]] = (sums[labels[label]] ?? 0) + value;
  });
  return sums;
}

function durations(catalogue: Catalogue, name: MetricName): Durations {
  const all = new Histogram(FINE_TIME_BOUNDS);
  catalogue.read(name, (_labels, value) => {
    if (typeof value !== 'number') all.add(value);
  });
  return { bounds: all.bounds, counts: [...all.counts], sumSeconds: all.sum };
}
