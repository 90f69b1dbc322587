/** What the Grafana dashboard of a node shows, in which order and why. */
import {
  hitRatio,
  NODE,
  overview,
  quantile,
  type Row,
  rate,
  rcodes,
  share,
  wasted,
} from './dashboard-expressions.ts';

const QUERIES: Row = {
  title: 'Queries',
  panels: [
    {
      title: 'Queries by type',
      description: 'What pods ask for. Many AAAA beside A without IPv6 are wasted.',
      unit: 'reqps',
      queries: { '{{type}}': `sum by (type) (${rate('coredns_dns_requests_total', NODE)})` },
    },
    {
      title: 'Answers by response code',
      description: 'Many NXDOMAIN come from search lists (ndots:5); SERVFAIL is a fault.',
      unit: 'reqps',
      queries: { '{{rcode}}': `sum by (rcode) (${rate('coredns_dns_responses_total', NODE)})` },
    },
    {
      title: 'Where SERVFAIL comes from',
      description: 'By zone, and by the directive that answered; none: the server itself.',
      unit: 'reqps',
      queries: { '{{zone}} {{plugin}}': `sum by (zone, plugin) (${rcodes(NODE, 'SERVFAIL')})` },
    },
    {
      title: 'Search lists: names that do not exist, by suffix',
      description: 'What ndots:5 and search domains waste. nodelocaldns top names the clients.',
      unit: 'reqps',
      queries: { '{{suffix}}': wasted(NODE) },
    },
    {
      title: 'Questions to upstreams per query of a client',
      description: 'Near 1 − hit ratio; above it, questions are asked again or refreshed early.',
      unit: 'short',
      queries: {
        ratio: share(
          rate('coredns_forward_requests_total', NODE),
          rate('coredns_dns_requests_total', NODE),
        ),
      },
    },
    {
      title: 'Refused for a reason',
      description: 'Clients above their share of upstreams or processor; max_concurrent.',
      unit: 'reqps',
      queries: {
        '{{reason}}': `sum by (reason) (${rate('nodelocaldns_throttled_total', NODE)})`,
        'too many wait': `sum(${rate('nodelocaldns_forward_overflows_total', NODE)})`,
        max_concurrent: `sum(${rate('coredns_forward_max_concurrent_rejects_total', NODE)})`,
      },
    },
  ],
};

const CACHE: Row = {
  title: 'Cache',
  panels: [
    {
      title: 'Hit ratio by zone',
      description: 'Answers from the cache among all.',
      unit: 'percentunit',
      queries: { '{{zones}}': hitRatio(NODE, ' by (zones) ') },
    },
    {
      title: 'Entries',
      description: 'How full it is. Addresses of one block share one cache.',
      unit: 'short',
      queries: {
        '{{zones}} {{type}}': `max by (zones, type) (coredns_cache_entries{${NODE}})`,
      },
    },
    {
      title: 'Beyond the plain hit',
      description: 'Stale answers mean upstreams that fail; evictions a cache that is too small.',
      unit: 'reqps',
      queries: {
        stale: `sum(${rate('coredns_cache_served_stale_total', NODE)})`,
        refreshed: `sum(${rate('coredns_cache_prefetch_total', NODE)})`,
        evicted: `sum(${rate('coredns_cache_evictions_total', NODE)})`,
      },
    },
    {
      title: 'Duration of hits',
      description: 'From 10 µs. Rises when the node has no processor time to spare.',
      unit: 's',
      queries: {
        '50 %': quantile(0.5, 'nodelocaldns_hit_duration_seconds', NODE),
        '99 %': quantile(0.99, 'nodelocaldns_hit_duration_seconds', NODE),
      },
    },
  ],
};

const UPSTREAMS: Row = {
  title: 'Upstreams',
  panels: [
    {
      title: 'Duration of misses, 99 %, by zone',
      description: 'What a pod waits for when the answer is not in the cache.',
      unit: 's',
      queries: {
        '{{zone}}': quantile(0.99, 'nodelocaldns_miss_duration_seconds', NODE, ', zone'),
      },
    },
    {
      title: 'Duration of exchanges by upstream, 99 %',
      description: 'Is it kube-dns or the node’s resolver that is slow?',
      unit: 's',
      queries: { '{{to}}': quantile(0.99, 'coredns_proxy_request_duration_seconds', NODE, ', to') },
    },
    {
      title: 'Answers by upstream and response code',
      description: 'Upstreams that disagree, or fail.',
      unit: 'reqps',
      queries: {
        '{{to}} {{rcode}}': `sum by (to, rcode) (${rate('coredns_proxy_request_duration_seconds_count', NODE)})`,
      },
    },
    {
      title: 'Trouble with upstreams',
      description: 'Health checks that fail, answers that are late, upstreams left out as a loop.',
      unit: 'short',
      queries: {
        'unhealthy {{to}}': `sum by (to) (${rate('coredns_proxy_healthcheck_failures_total', NODE)})`,
        'overdue {{to}}': `sum by (to) (${rate('nodelocaldns_upstream_overdue_total', NODE)})`,
        'loop {{to}}': `max by (to) (nodelocaldns_loop_detected{${NODE}})`,
        'all down': `sum(${rate('coredns_forward_healthcheck_broken_total', NODE)})`,
      },
    },
    {
      title: 'Connections used again',
      description: 'Low values: something closes connections, or the load is small.',
      unit: 'percentunit',
      queries: {
        '{{proto}}':
          `sum by (proto) (${rate('coredns_proxy_conn_cache_hits_total', NODE)})` +
          ` / (sum by (proto) (${rate('coredns_proxy_conn_cache_hits_total', NODE)})` +
          ` + sum by (proto) (${rate('coredns_proxy_conn_cache_misses_total', NODE)}))`,
      },
    },
    {
      title: 'Queries that wait',
      description: 'For an upstream, or for the processor; with the upstreams now.',
      unit: 'short',
      queries: {
        '{{for}}': `sum by (for) (nodelocaldns_misses_waiting{${NODE}})`,
        'with upstreams': `sum(nodelocaldns_forward_in_flight{${NODE}})`,
      },
    },
    {
      title: 'Round trip',
      description: 'Smoothed, without dialling. Behind a service address it is the pods’ average.',
      unit: 's',
      queries: { '{{to}}': `max by (to) (nodelocaldns_upstream_round_trip_seconds{${NODE}})` },
    },
    {
      title: 'Upstreams that may be asked',
      description: '0: its health checks fail, or it leads back here.',
      unit: 'short',
      queries: { '{{to}}': `min by (to) (nodelocaldns_upstream_up{${NODE}})` },
    },
  ],
};

const INTERCEPTION: Row = {
  title: 'Interception',
  panels: [
    {
      title: 'State',
      description: 'withheld and partial: kube-dns answers (some of) the pods itself.',
      unit: 'short',
      queries: { '{{state}}': `sum by (state) (nodelocaldns_interception_state{${NODE}})` },
    },
    {
      title: 'Lease on the addresses',
      description: 'Usually one renewal a second. It ends when our listeners do not answer.',
      unit: 'short',
      queries: {
        'renewals a second': `sum(${rate('nodelocaldns_lease_renewals_total', NODE)})`,
        'ended: {{reason}}': `sum by (reason) (increase(nodelocaldns_lease_expiries_total{${NODE}}[5m]))`,
      },
    },
    {
      title: 'Repairs',
      description: 'What others removed and we put back, within 5 minutes.',
      unit: 'short',
      queries: {
        '{{kind}}': `sum by (kind) (increase(nodelocaldns_repairs_total{${NODE}}[5m]))`,
      },
    },
    {
      title: 'Take-overs',
      description: 'Instances that followed one another, and cached answers that went along.',
      unit: 'short',
      queries: {
        '{{role}}': `sum by (role) (nodelocaldns_takeovers_total{${NODE}})`,
        'answers, {{role}}': `sum by (role) (nodelocaldns_takeover_answers_total{${NODE}})`,
      },
    },
  ],
};

const PROCESS: Row = {
  title: 'Process and node',
  panels: [
    {
      title: 'Setup of interface, rules and Corefile: errors',
      description: 'Anything above zero is tried again; see the log.',
      unit: 'short',
      queries: {
        '{{errortype}}': `sum by (errortype) (increase(coredns_nodecache_setup_errors_total{${NODE}}[5m]))`,
      },
    },
    {
      title: 'Load of the one thread',
      description: '1 is full.',
      unit: 'percentunit',
      queries: {
        busy: `max(${rate('nodelocaldns_event_loop_busy_seconds_total', NODE)})`,
        processor: `max(${rate('process_cpu_seconds_total', NODE)})`,
      },
    },
    {
      title: 'Memory',
      description: 'Resident memory, and of it what JavaScript’s objects take.',
      unit: 'bytes',
      queries: {
        resident: `max(process_resident_memory_bytes{${NODE}})`,
        objects: `max(nodejs_heap_size_used_bytes{${NODE}})`,
      },
    },
    {
      title: 'Restarts and reloads',
      description: 'Starts of the process, Corefiles refused, faults survived, within 5 minutes.',
      unit: 'short',
      queries: {
        started: `sum(changes(process_start_time_seconds{${NODE}}[5m]))`,
        'Corefile refused': `sum(increase(coredns_reload_failed_total{${NODE}}[5m]))`,
        fault: `sum(increase(coredns_panics_total{${NODE}}[5m]))`,
      },
    },
  ],
};

/** The view of one node, or of several that are chosen. */
export const NODE_ROWS: readonly Row[] = [
  overview(NODE),
  QUERIES,
  CACHE,
  UPSTREAMS,
  INTERCEPTION,
  PROCESS,
];
