/**
 * The metrics of `forward` up to CoreDNS 1.10, which most public dashboards and alerts still ask
 * for. They are read from the coredns_proxy_* metrics that took their place, so both always agree.
 */
import type { Catalogue, Emit, Labels } from './catalogue.ts';
import type { MetricName } from './definitions.ts';
import type { Histogram } from './histogram.ts';

const DURATION = 'coredns_proxy_request_duration_seconds';

export function showLegacyForward(catalogue: Catalogue): void {
  derive(catalogue, 'coredns_forward_requests_total', DURATION, ({ to }, value, emit) =>
    emit({ to }, totalOf(value)),
  );
  derive(catalogue, 'coredns_forward_responses_total', DURATION, ({ to, rcode }, value, emit) =>
    emit({ to, rcode }, totalOf(value)),
  );
  derive(
    catalogue,
    'coredns_forward_request_duration_seconds',
    DURATION,
    ({ to, rcode }, value, emit) => emit({ to, rcode }, value),
  );
  derive(
    catalogue,
    'coredns_forward_healthcheck_failures_total',
    'coredns_proxy_healthcheck_failures_total',
    ({ to }, value, emit) => emit({ to }, value),
  );
}

/** Emits for each sample of `origin` that `forward` gave what `convert` makes of it. */
function derive(
  catalogue: Catalogue,
  name: MetricName,
  origin: MetricName,
  convert: (labels: Labels, value: number | Histogram, emit: Emit) => void,
): void {
  catalogue.source(name, (emit) => {
    catalogue.read(origin, (labels, value) => {
      if (labels.proxy_name === 'forward') convert(labels, value, emit);
    });
  });
}

function totalOf(value: number | Histogram): number {
  return typeof value === 'number' ? value : value.total;
}
