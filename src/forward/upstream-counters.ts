/** What is counted per upstream address, for the life of the process (spec §6.2, coredns_proxy_*). */
import { rcodeName } from '../dns/rcode.ts';
import type { Catalogue, Emit, Labels, Source } from '../metrics/catalogue.ts';
import type { MetricName } from '../metrics/definitions.ts';
import { Histogram, TIME_BOUNDS } from '../metrics/histogram.ts';
import type { Protocol } from './attempt.ts';

/** Response codes a header can hold. */
const RCODE_COUNT = 16;

const PROTOCOLS: readonly Protocol[] = ['udp', 'tcp', 'tcp-tls', 'https'];

/** Why a message is ignored, as the metric has it. */
const IGNORED_REASONS = ['source', 'id', 'question', 'case', 'malformed'] as const;
type IgnoredReason = (typeof IGNORED_REASONS)[number];

/** Queries of one transport: those sent on an open connection, and those that opened one. */
export interface Reuse {
  hits: number;
  misses: number;
}

export class UpstreamCounters {
  /** Attempts sent, whatever became of them. */
  sent = 0;
  healthCheckFailures = 0;
  /**
   * Messages that answered nothing that was asked: from elsewhere, with an ID that nobody waits for
   * (any that comes twice), another question, other letters, or of no form.
   */
  readonly ignored: Record<IgnoredReason, number> = {
    source: 0,
    id: 0,
    question: 0,
    case: 0,
    malformed: 0,
  };
  /** Answers that did not come in the usual time, so that the query was asked again elsewhere. */
  overdue = 0;
  /** UDP ports and connections open now. */
  readonly sockets: Record<Protocol, number> = { udp: 0, tcp: 0, 'tcp-tls': 0, https: 0 };
  readonly reuse: Readonly<Record<Protocol, Reuse>> = {
    udp: { hits: 0, misses: 0 },
    tcp: { hits: 0, misses: 0 },
    'tcp-tls': { hits: 0, misses: 0 },
    https: { hits: 0, misses: 0 },
  };
  /** Seconds from the choice of the upstream to its answer, by rcode. BOUNDED by RCODE_COUNT. */
  readonly #durations: (Histogram | null)[] = new Array(RCODE_COUNT).fill(null);

  observe(rcode: number, seconds: number): void {
    let histogram = this.#durations[rcode];
    if (histogram === null) {
      histogram = new Histogram(TIME_BOUNDS);
      this.#durations[rcode] = histogram;
    }
    histogram.observe(seconds);
  }

  /** Calls back for each rcode seen. */
  eachDuration(visit: (rcode: number, durations: Histogram) => void): void {
    this.#durations.forEach((durations, rcode) => {
      if (durations !== null) visit(rcode, durations);
    });
  }
}

/** The counters of one label, with who uses them. */
interface SharedCounters {
  readonly counters: UpstreamCounters;
  /** Those that come and go; infinite with one that stays. */
  users: number;
  /** Takes the series of the label away. */
  readonly remove: () => void;
}

/** The counters of the upstream with the label `to` (`10.96.0.10:53`): one object for the process. */
export function upstreamCounters(catalogue: Catalogue, to: string): UpstreamCounters {
  const shared = sharedCounters(catalogue, to);
  shared.users = Number.POSITIVE_INFINITY;
  return shared.counters;
}

/**
 * The same for an upstream that comes and goes, as the addresses of a name do. With the last
 * `release` the series end: a process that runs for months would collect addresses for ever.
 */
export function borrowUpstreamCounters(
  catalogue: Catalogue,
  to: string,
): { readonly counters: UpstreamCounters; readonly release: () => void } {
  const shared = sharedCounters(catalogue, to);
  shared.users++;
  const release = () => {
    if (--shared.users === 0) shared.remove();
  };
  return { counters: shared.counters, release };
}

function sharedCounters(catalogue: Catalogue, to: string): SharedCounters {
  const key = `upstream ${to}`;
  return catalogue.lasting(key, () => {
    const counters = new UpstreamCounters();
    const removals: (() => void)[] = [];
    register((name, source) => removals.push(catalogue.source(name, source)), to, counters);
    const remove = () => {
      for (const removal of removals) removal();
      catalogue.forget(key);
    };
    return { counters, users: 0, remove };
  });
}

/** Adds a source to a metric. */
type AddSource = (name: MetricName, source: Source) => void;

function register(add: AddSource, to: string, counters: UpstreamCounters): void {
  const proxy: Labels = { proxy_name: 'forward', to };
  add('coredns_proxy_request_duration_seconds', (emit) =>
    counters.eachDuration((rcode, durations) =>
      emit({ ...proxy, rcode: proxyRcode(rcode) }, durations),
    ),
  );
  add('coredns_proxy_healthcheck_failures_total', (emit) => {
    if (counters.healthCheckFailures > 0) emit(proxy, counters.healthCheckFailures);
  });
  add('coredns_proxy_conn_cache_hits_total', (emit) => emitReuse(emit, proxy, counters, 'hits'));
  add('coredns_proxy_conn_cache_misses_total', (emit) =>
    emitReuse(emit, proxy, counters, 'misses'),
  );
  registerLegacy(add, to, counters);
  registerOwn(add, to, counters);
}

/** The names of CoreDNS up to 1.10, which many dashboards still ask for. */
function registerLegacy(add: AddSource, to: string, counters: UpstreamCounters): void {
  add('coredns_forward_requests_total', (emit) => {
    if (counters.sent > 0) emit({ to }, counters.sent);
  });
  add('coredns_forward_responses_total', (emit) =>
    counters.eachDuration((rcode, { counts }) =>
      emit(
        { to, rcode: proxyRcode(rcode) },
        counts.reduce((a, b) => a + b),
      ),
    ),
  );
  add('coredns_forward_request_duration_seconds', (emit) =>
    counters.eachDuration((rcode, durations) => emit({ to, rcode: proxyRcode(rcode) }, durations)),
  );
  add('coredns_forward_healthcheck_failures_total', (emit) => {
    if (counters.healthCheckFailures > 0) emit({ to }, counters.healthCheckFailures);
  });
}

function registerOwn(add: AddSource, to: string, counters: UpstreamCounters): void {
  add('nodelocaldns_upstream_overdue_total', (emit) => emit({ to }, counters.overdue));
  add('nodelocaldns_upstream_ignored_total', (emit) => {
    for (const reason of IGNORED_REASONS) emit({ to, reason }, counters.ignored[reason]);
  });
  add('nodelocaldns_upstream_sockets', (emit) => {
    for (const proto of PROTOCOLS) {
      if (counters.sockets[proto] > 0) emit({ to, proto }, counters.sockets[proto]);
    }
  });
}

function emitReuse(
  emit: Emit,
  labels: Labels,
  counters: UpstreamCounters,
  kind: 'hits' | 'misses',
): void {
  for (const proto of PROTOCOLS) {
    const count = counters.reuse[proto][kind];
    if (count > 0) emit({ ...labels, proto }, count);
  }
}

/** Spec §6.1: a code without a name is the bare number in coredns_proxy_*. */
function proxyRcode(rcode: number): string {
  return rcodeName(rcode).replace(/^RCODE/, '');
}
