/** Reads PromQL as far as to see which metrics and labels an expression names. */

/** A metric and the labels that the expression expects it to have. */
export interface Use {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** Labels that come from Prometheus, not from the daemon. */
const FROM_PROMETHEUS = ['job', 'instance', 'node'];
/** Metrics that come from Prometheus. */
const SCRAPE_METRICS = ['up'];
const METRIC = /\b((?:coredns|nodelocaldns|process|nodejs|promhttp|go)_\w+|up)\b(?:\{([^}]*)\})?/g;
const GROUPING = /\b(?:by|without)\s*\(([^)]*)\)/g;

/** The metrics of an expression; those of Prometheus itself are left out. */
export function usesOf(expression: string): Use[] {
  const grouped = [...expression.matchAll(GROUPING)].flatMap(([, list]) => list.split(','));
  return [...expression.matchAll(METRIC)]
    .filter(([, metric]) => !SCRAPE_METRICS.includes(metric))
    .map(([, metric, matchers = '']) => {
      const matched = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label);
      const labels = new Set([...matched, ...grouped.map((label) => label.trim())]);
      return { metric, labels: [...labels].filter((label) => !FROM_PROMETHEUS.includes(label)) };
    });
}

/** The labels of each series by metric, of a scrape in text form. */
export function seriesOf(exposition: string): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>();
  for (const line of exposition.split('\n')) {
    const [, metric, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (metric === undefined) continue;
    const known = series.get(metric) ?? new Set();
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label);
    series.set(metric, known);
  }
  return series;
}

/** Metrics and labels of an expression that a scrape does not have, each as a line. */
export function missingIn(series: Map<string, Set<string>>, expression: string): string[] {
  return usesOf(expression).flatMap(({ metric, labels }) => {
    const known = series.get(metric);
    if (known === undefined) return [`${metric}: no such metric`];
    return labels.filter((label) => !known.has(label)).map((label) => `${metric}: no ${label}`);
  });
}
