/**
 * Metrics that node-cache never had, or has no more: names of ours, of CoreDNS up to 1.10, and of
 * directives that node-cache does not have.
 */
import type { Definition } from './definitions.ts';
import { FINE_TIME_BOUNDS, TIME_BOUNDS } from './histogram.ts';

export const OWN_DEFINITIONS = {
  nodelocaldns_hit_duration_seconds: {
    type: 'histogram',
    labels: [],
    bounds: FINE_TIME_BOUNDS,
    help: 'Histogram of the time each answer from the cache took, without its way through the kernel.',
  },
  nodelocaldns_miss_duration_seconds: {
    type: 'histogram',
    labels: ['zone'],
    bounds: FINE_TIME_BOUNDS,
    help: 'Histogram of the time each answer that did not lie ready in the cache took.',
  },
  nodelocaldns_event_loop_busy_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Time the event loop was not waiting; its rate is the load of the one thread, 1 being full.',
  },
  nodelocaldns_upstream_overdue_total: {
    type: 'counter',
    labels: ['to'],
    help: 'Counter of answers that did not come in the usual time, so that another upstream, port or connection was tried.',
  },
  nodelocaldns_upstream_ignored_total: {
    type: 'counter',
    labels: ['to', 'reason'],
    help: 'Counter of messages from an upstream that answer no question that was asked.',
  },
  nodelocaldns_upstream_sockets: {
    type: 'gauge',
    labels: ['to', 'proto'],
    help: 'UDP ports and connections open to an upstream.',
  },
  nodelocaldns_forward_in_flight: {
    type: 'gauge',
    labels: [],
    help: 'Queries that wait for upstreams.',
  },
  nodelocaldns_forward_overflows_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of queries that failed at once because too many were waiting for upstreams.',
  },
  nodelocaldns_upstream_up: {
    type: 'gauge',
    labels: ['to'],
    help: 'Whether an upstream may be asked: 0 while its health checks fail or it leads back here.',
  },
  nodelocaldns_upstream_round_trip_seconds: {
    type: 'gauge',
    labels: ['to'],
    help: 'Smoothed time from a question to an upstream to its answer, dialling left out.',
  },
  nodelocaldns_wasted_searches_total: {
    type: 'counter',
    labels: ['suffix'],
    help: 'Counter of names asked for that do not exist and end as a search list would have them end.',
  },
  nodelocaldns_interception_state: {
    type: 'gauge',
    labels: ['state'],
    help: "How the interception of the node's DNS traffic stands: 1 for the state that it is in.",
  },
  nodelocaldns_lease_held: {
    type: 'gauge',
    labels: [],
    help: 'Whether the lease on the local addresses is held.',
  },
  nodelocaldns_lease_renewals_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of renewals of the lease on the local addresses.',
  },
  nodelocaldns_lease_expiries_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Counter of leases on the local addresses that ended because nobody could renew them.',
  },
  nodelocaldns_repairs_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Counter of addresses, interfaces and sets of rules put back that others had removed.',
  },
  nodelocaldns_takeovers_total: {
    type: 'counter',
    labels: ['role'],
    help: 'Counter of instances that followed one another on this node, this one among them.',
  },
  nodelocaldns_takeover_answers_total: {
    type: 'counter',
    labels: ['role'],
    help: 'Counter of cached answers that went from one instance to the next.',
  },
  nodelocaldns_loop_detected: {
    type: 'gauge',
    labels: ['zone', 'to'],
    help: 'Upstreams left out because queries sent to them come back here.',
  },
  nodelocaldns_cache_guarded_total: {
    type: 'counter',
    labels: ['server', 'zones', 'view'],
    help: 'The number of good answers given in place of a sudden denial or error (guard).',
  },
  nodelocaldns_cache_cut_answers_total: {
    type: 'counter',
    labels: ['server', 'zones', 'view'],
    help: 'The number of denials made from that of a name above, without a question (nxdomain_cut).',
  },
  nodelocaldns_cache_cut_probes_total: {
    type: 'counter',
    labels: ['server', 'zones', 'view'],
    help: 'The number of questions asked about names above those asked for (nxdomain_cut).',
  },
  nodelocaldns_throttled_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Counter of queries refused because their client has its share of what is short.',
  },
  nodelocaldns_misses_waiting: {
    type: 'gauge',
    labels: ['for'],
    help: 'Queries without an answer in the cache that wait: for an upstream, or for the processor.',
  },
  nodelocaldns_tcp_connections: {
    type: 'gauge',
    labels: [],
    help: 'Connections of clients that are open.',
  },
  nodelocaldns_tcp_accepted_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of connections of clients that were taken.',
  },
  nodelocaldns_tcp_closed_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Counter of connections of clients that were closed from here before their time.',
  },
  nodelocaldns_udp_unsent_total: {
    type: 'counter',
    labels: ['server'],
    help: 'Counter of replies that the kernel would not send.',
  },
  coredns_forward_requests_total: {
    type: 'counter',
    labels: ['to'],
    help: 'Counter of requests made per upstream.',
  },
  coredns_forward_responses_total: {
    type: 'counter',
    labels: ['to', 'rcode'],
    help: 'Counter of responses received per upstream.',
  },
  coredns_forward_request_duration_seconds: {
    type: 'histogram',
    labels: ['to', 'rcode'],
    bounds: TIME_BOUNDS,
    help: 'Histogram of the time each request took.',
  },
  coredns_forward_healthcheck_failures_total: {
    type: 'counter',
    labels: ['to'],
    help: 'Counter of the number of failed healthchecks.',
  },
  coredns_acl_blocked_requests_total: {
    type: 'counter',
    labels: ['server', 'zone', 'view'],
    help: 'Counter of DNS requests being blocked.',
  },
  coredns_acl_filtered_requests_total: {
    type: 'counter',
    labels: ['server', 'zone', 'view'],
    help: 'Counter of DNS requests being filtered.',
  },
  coredns_acl_dropped_requests_total: {
    type: 'counter',
    labels: ['server', 'zone', 'view'],
    help: 'Counter of DNS requests being dropped.',
  },
  coredns_acl_allowed_requests_total: {
    type: 'counter',
    labels: ['server', 'view'],
    help: 'Counter of DNS requests being allowed.',
  },
  coredns_local_localhost_requests_total: {
    type: 'counter',
    labels: [],
    help: 'Counter of requests for names made of localhost and something more.',
  },
} as const satisfies Record<string, Definition>;
