/** What all `forward` directives count together (spec §6.2, coredns_forward_*). */
import type { Catalogue } from '../metrics/catalogue.ts';

export interface ForwardCounters {
  /** Queries that found every upstream down. */
  healthCheckBroken: number;
  /** Queries refused because of `max_concurrent`. */
  maxConcurrentRejects: number;
  /** Queries that wait for upstreams now. */
  inFlight: number;
  /** Queries that failed at once because as many as may be were waiting. */
  overflows: number;
}

/** The counters: one object for the process. */
export function forwardCounters(catalogue: Catalogue): ForwardCounters {
  return catalogue.lasting('forward', () => {
    const counters = newForwardCounters();
    catalogue.source('coredns_forward_healthcheck_broken_total', (emit) =>
      emit({}, counters.healthCheckBroken),
    );
    catalogue.source('coredns_forward_max_concurrent_rejects_total', (emit) =>
      emit({}, counters.maxConcurrentRejects),
    );
    catalogue.source('nodelocaldns_forward_in_flight', (emit) => emit({}, counters.inFlight));
    catalogue.source('nodelocaldns_forward_overflows_total', (emit) =>
      emit({}, counters.overflows),
    );
    return counters;
  });
}

export function newForwardCounters(): ForwardCounters {
  return { healthCheckBroken: 0, maxConcurrentRejects: 0, inFlight: 0, overflows: 0 };
}
