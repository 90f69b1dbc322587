/** What the Grafana dashboards show, in which order and why. */

/** One plot or number. */
export interface Panel {
  readonly title: string;
  /** What it is good for, in the corner of the panel. */
  readonly description: string;
  /** Grafana's name: `s`, `reqps`, `percentunit`, `bytes`, `short`. */
  readonly unit: string;
  /** Expressions by legend. */
  readonly queries: Readonly<Record<string, string>>;
  readonly kind?: 'stat' | 'timeseries';
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const NODE = 'job="$job",instance=~"$instance"';
const FLEET = 'job="$job"';

const rate = (metric: string, labels: string) => `rate(${metric}{${labels}}[$__rate_interval])`;
const quantile = (q: number, metric: string, labels: string, by = '') =>
  `histogram_quantile(${q}, sum by (le${by}) (${rate(`${metric}_bucket`, labels)}))`;
const rcodes = (labels: string, rcode: string) =>
  rate('coredns_dns_responses_total', `${labels},rcode="${rcode}"`);
const share = (part: string, whole: string, by = '') => `sum${by}(${part}) / sum${by}(${whole})`;
const hitRatio = (labels: string, by = '') =>
  share(rate('coredns_cache_hits_total', labels), rate('coredns_cache_requests_total', labels), by);
const wasted = (labels: string) =>
  `sum by (suffix) (${rate('nodelocaldns_wasted_searches_total', labels)})`;
const servfailRatio = (labels: string, by = '') =>
  share(rcodes(labels, 'SERVFAIL'), rate('coredns_dns_responses_total', labels), by);

/** The same numbers at the top of both views. */
const overview = (labels: string): Row => ({
  title: 'At a glance',
  panels: [
    stat('Queries', 'reqps', `sum(${rate('coredns_dns_requests_total', labels)})`),
    stat('Hit ratio', 'percentunit', hitRatio(labels)),
    stat('Hits, 99 %', 's', quantile(0.99, 'nodelocaldns_hit_duration_seconds', labels)),
    stat('Misses, 99 %', 's', quantile(0.99, 'nodelocaldns_miss_duration_seconds', labels)),
    stat('SERVFAIL', 'percentunit', `${servfailRatio(labels)} or vector(0)`),
    stat(
      'Setup errors, 1 h',
      'short',
      `sum(increase(coredns_nodecache_setup_errors_total{${labels}}[1h]))`,
    ),
  ],
});

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

const NODES: Row = {
  title: 'Nodes',
  panels: [
    {
      title: 'Queries, the 10 busiest nodes',
      description: 'Uneven load comes from uneven pods.',
      unit: 'reqps',
      queries: {
        '{{instance}}': `topk(10, sum by (instance) (${rate('coredns_dns_requests_total', FLEET)}))`,
      },
    },
    {
      title: 'Hit ratio, the 10 worst nodes',
      description: 'Fresh nodes start low.',
      unit: 'percentunit',
      queries: { '{{instance}}': `bottomk(10, ${hitRatio(FLEET, ' by (instance) ')})` },
    },
    {
      title: 'SERVFAIL, the 10 worst nodes',
      description: 'One node: look there. All nodes: look at the upstream.',
      unit: 'percentunit',
      queries: { '{{instance}}': `topk(10, ${servfailRatio(FLEET, ' by (instance) ')})` },
    },
    {
      title: 'Misses, 99 %, the 10 slowest nodes',
      description: 'What upstreams cost, by node.',
      unit: 's',
      queries: {
        '{{instance}}': `topk(10, ${quantile(0.99, 'nodelocaldns_miss_duration_seconds', FLEET, ', instance')})`,
      },
    },
    {
      title: 'Exchanges by upstream, all nodes',
      description: 'Whether load moves over the kube-dns pods is seen there, not here.',
      unit: 'reqps',
      queries: {
        '{{to}}': `sum by (to) (${rate('coredns_proxy_request_duration_seconds_count', FLEET)})`,
      },
    },
    {
      title: 'Memory, the 10 largest',
      description: 'Against the limit of the container, where there is one.',
      unit: 'bytes',
      queries: { '{{instance}}': `topk(10, process_resident_memory_bytes{${FLEET}})` },
    },
    {
      title: 'Nodes by state of interception',
      description: 'partial and withheld are to be 0, starting and stopping short.',
      unit: 'short',
      queries: { '{{state}}': `sum by (state) (nodelocaldns_interception_state{${FLEET}})` },
    },
    {
      title: 'Leases ended and repairs, 1 h',
      description: 'Nodes where something works against the cache, the 10 worst.',
      unit: 'short',
      queries: {
        'ended {{instance}}': `topk(10, sum by (instance) (increase(nodelocaldns_lease_expiries_total{${FLEET}}[1h])))`,
        'repaired {{instance}}': `topk(10, sum by (instance) (increase(nodelocaldns_repairs_total{${FLEET}}[1h])))`,
      },
    },
    {
      title: 'Search lists: names that do not exist, by suffix, all nodes',
      description: 'What the cluster as a whole wastes.',
      unit: 'reqps',
      queries: { '{{suffix}}': wasted(FLEET) },
    },
    {
      title: 'Answers taken over in updates',
      description: 'What new instances began with; 0 on a node: it began with an empty cache.',
      unit: 'short',
      queries: {
        '{{instance}}': `bottomk(10, sum by (instance) (nodelocaldns_takeover_answers_total{${FLEET},role="successor"}))`,
      },
    },
    {
      title: 'Nodes that are served',
      description: 'Caches that answer Prometheus, and those that do not.',
      unit: 'short',
      queries: {
        up: `count(up{${FLEET}} == 1) or vector(0)`,
        down: `count(up{${FLEET}} == 0) or vector(0)`,
      },
    },
    {
      title: 'Versions',
      description: 'Nodes by version of the cache and of its runtime.',
      unit: 'short',
      queries: {
        '{{version}} {{goversion}}': `count by (version, goversion) (coredns_build_info{${FLEET}})`,
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

/** The view of all nodes. */
export const FLEET_ROWS: readonly Row[] = [overview(FLEET), NODES];

function stat(title: string, unit: string, expression: string): Panel {
  return { title, description: '', unit, queries: { '': expression }, kind: 'stat' };
}
