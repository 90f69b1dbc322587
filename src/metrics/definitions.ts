/**
 * Every metric the daemon exposes, but prom-client's nodejs_*: the one list that catalogue, docs and
 * tests share. Here stand the names of CoreDNS and node-cache (spec §6.2).
 */
import { SIZE_BOUNDS, SLIM_TIME_BOUNDS, TIME_BOUNDS } from './histogram.ts';
import { OWN_DEFINITIONS } from './own-definitions.ts';
import { PROCESS_DEFINITIONS } from './process-definitions.ts';

/** What a metric is, as the exposition format and docs/metrics.md say it. */
export interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Of a histogram. */
  readonly bounds?: readonly number[];
}

const SERVER = ['server', 'zone', 'view'] as const;
const CACHE = ['server', 'zones', 'view'] as const;
const PROXY = ['proxy_name', 'to'] as const;
const TEMPLATE = [...SERVER, 'class', 'type'] as const;

export const DEFINITIONS = {
  coredns_nodecache_setup_errors_total: {
    type: 'counter',
    labels: ['errortype'],
    help: 'The number of errors during periodic network setup for node-cache',
  },
  coredns_dns_requests_total: {
    type: 'counter',
    labels: [...SERVER, 'proto', 'family', 'type'],
    help: 'Counter of DNS requests made per zone, protocol and family.',
  },
  coredns_dns_request_duration_seconds: {
    type: 'histogram',
    labels: SERVER,
    bounds: TIME_BOUNDS,
    help: 'Histogram of the time (in seconds) each request took per zone.',
  },
  coredns_dns_request_size_bytes: {
    type: 'histogram',
    labels: [...SERVER, 'proto'],
    bounds: SIZE_BOUNDS,
    help: 'Size of the requests in bytes, per zone and protocol.',
  },
  coredns_dns_response_size_bytes: {
    type: 'histogram',
    labels: [...SERVER, 'proto'],
    bounds: SIZE_BOUNDS,
    help: 'Size of the returned response in bytes.',
  },
  coredns_dns_do_requests_total: {
    type: 'counter',
    labels: SERVER,
    help: 'Counter of DNS requests with DO bit set per zone.',
  },
  coredns_dns_responses_total: {
    type: 'counter',
    labels: [...SERVER, 'rcode', 'plugin'],
    help: 'Counter of response status codes.',
  },
  coredns_panics_total: {
    type: 'counter',
    labels: [],
    help: 'A metrics that counts the number of panics.',
  },
  coredns_plugin_enabled: {
    type: 'gauge',
    labels: [...SERVER, 'name'],
    help: 'A metric that indicates whether a plugin is enabled on per server and zone basis.',
  },
  coredns_build_info: {
    type: 'gauge',
    labels: ['version', 'revision', 'goversion'],
    help: "A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.",
  },
  coredns_cache_entries: {
    type: 'gauge',
    labels: ['server', 'type', 'zones', 'view'],
    help: 'The number of elements in the cache.',
  },
  coredns_cache_requests_total: {
    type: 'counter',
    labels: CACHE,
    help: 'The count of cache requests.',
  },
  coredns_cache_hits_total: {
    type: 'counter',
    labels: ['server', 'type', 'zones', 'view'],
    help: 'The count of cache hits.',
  },
  coredns_cache_misses_total: {
    type: 'counter',
    labels: CACHE,
    help: 'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.',
  },
  coredns_cache_prefetch_total: {
    type: 'counter',
    labels: CACHE,
    help: 'The number of times the cache has prefetched a cached item.',
  },
  coredns_cache_drops_total: {
    type: 'counter',
    labels: CACHE,
    help: 'The number responses that are not cached, because the reply is malformed.',
  },
  coredns_cache_served_stale_total: {
    type: 'counter',
    labels: CACHE,
    help: 'The number of requests served from stale cache entries.',
  },
  coredns_cache_evictions_total: {
    type: 'counter',
    labels: ['server', 'type', 'zones', 'view'],
    help: 'The count of cache evictions.',
  },
  coredns_forward_healthcheck_broken_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of the number of complete failures of the healthchecks.',
  },
  coredns_forward_max_concurrent_rejects_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of the number of queries rejected because the concurrent queries were at maximum.',
  },
  coredns_proxy_request_duration_seconds: {
    type: 'histogram',
    labels: [...PROXY, 'rcode'],
    bounds: TIME_BOUNDS,
    help: 'Histogram of the time each request took.',
  },
  coredns_proxy_healthcheck_failures_total: {
    type: 'counter',
    labels: PROXY,
    help: 'Counter of the number of failed healthchecks.',
  },
  coredns_proxy_conn_cache_hits_total: {
    type: 'counter',
    labels: [...PROXY, 'proto'],
    help: 'Counter of connection cache hits per upstream and protocol.',
  },
  coredns_proxy_conn_cache_misses_total: {
    type: 'counter',
    labels: [...PROXY, 'proto'],
    help: 'Counter of connection cache misses per upstream and protocol.',
  },
  coredns_health_request_duration_seconds: {
    type: 'histogram',
    labels: [],
    bounds: SLIM_TIME_BOUNDS,
    help: 'Histogram of the time (in seconds) each request took.',
  },
  coredns_health_request_failures_total: {
    type: 'counter',
    labels: [],
    help: 'The number of times the health check failed.',
  },
  coredns_reload_failed_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of the number of failed reload attempts.',
  },
  coredns_reload_version_info: {
    type: 'gauge',
    labels: ['hash', 'value'],
    help: 'A metric with hash as label to show the version of the loaded Corefile.',
  },
  coredns_hosts_entries: {
    type: 'gauge',
    labels: ['hostsfile'],
    help: 'The combined number of entries in hosts and Corefile.',
  },
  coredns_hosts_reload_timestamp_seconds: {
    type: 'gauge',
    labels: [],
    help: 'The timestamp of the last reload of hosts file.',
  },
  coredns_template_matches_total: {
    type: 'counter',
    labels: TEMPLATE,
    help: 'Counter of template regex matches.',
  },
  coredns_template_template_failures_total: {
    type: 'counter',
    labels: [...TEMPLATE, 'section', 'template'],
    help: 'Counter of go template failures.',
  },
  coredns_template_rr_failures_total: {
    type: 'counter',
    labels: [...TEMPLATE, 'section', 'template'],
    help: 'Counter of mis-templated RRs.',
  },
  coredns_dns64_requests_translated_total: {
    type: 'counter',
    labels: ['server'],
    help: 'Counter of DNS requests translated by dns64.',
  },
  ...PROCESS_DEFINITIONS,
  ...OWN_DEFINITIONS,
} as const satisfies Record<string, Definition>;

export type MetricName = keyof typeof DEFINITIONS;
