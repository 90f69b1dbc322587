/** What all `forward` directives count together (spec §6.2, coredns_forward_*). */
import type { Catalogue } from '../metrics/catalogue.ts';

export interface ForwardCounters {
  /** Queries that found every upstream down. */
  healthCheckBroken: number;
  /** Queries refused because too many were under way. */
  maxConcurrentRejects: number;
}

/** The counters: one object for the process. */
export function forwardCounters(catalogue: Catalogue): ForwardCounters {
  return catalogue.lasting('forward', () => {
    const counters: ForwardCounters = { healthCheckBroken: 0, maxConcurrentRejects: 0 };
    catalogue.source('coredns_forward_healthcheck_broken_total', (emit) =>
      emit({}, counters.healthCheckBroken),
    );
    catalogue.source('coredns_forward_max_concurrent_rejects_total', (emit) =>
      emit({}, counters.maxConcurrentRejects),
    );
    return counters;
  });
}
