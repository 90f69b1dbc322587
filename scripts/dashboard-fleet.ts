/** What the Grafana dashboard of all nodes shows, in which order and why. */
import {
  FLEET,
  hitRatio,
  overview,
  quantile,
  type Row,
  rate,
  servfailRatio,
  wasted,
} from './dashboard-expressions.ts';

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

/** The view of all nodes. */
export const FLEET_ROWS: readonly Row[] = [overview(FLEET), NODES];
