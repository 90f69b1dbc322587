/** What panels of the Grafana dashboards are, and the expressions that several of them have. */

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

/** The nodes that are chosen. */
export const NODE = 'job="$job",instance=~"$instance"';
/** All nodes. */
export const FLEET = 'job="$job"';

export const rate = (metric: string, labels: string) =>
  `rate(${metric}{${labels}}[$__rate_interval])`;
export const quantile = (q: number, metric: string, labels: string, by = '') =>
  `histogram_quantile(${q}, sum by (le${by}) (${rate(`${metric}_bucket`, labels)}))`;
export const rcodes = (labels: string, rcode: string) =>
  rate('coredns_dns_responses_total', `${labels},rcode="${rcode}"`);
export const share = (part: string, whole: string, by = '') =>
  `sum${by}(${part}) / sum${by}(${whole})`;
export const hitRatio = (labels: string, by = '') =>
  share(rate('coredns_cache_hits_total', labels), rate('coredns_cache_requests_total', labels), by);
export const wasted = (labels: string) =>
  `sum by (suffix) (${rate('nodelocaldns_wasted_searches_total', labels)})`;
export const servfailRatio = (labels: string, by = '') =>
  share(rcodes(labels, 'SERVFAIL'), rate('coredns_dns_responses_total', labels), by);

/** The same numbers at the top of both views. */
export const overview = (labels: string): Row => ({
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

function stat(title: string, unit: string, expression: string): Panel {
  return { title, description: '', unit, queries: { '': expression }, kind: 'stat' };
}
