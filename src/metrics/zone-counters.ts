/**
 * What is counted for the queries of one zone at one listener: the coredns_dns_* metrics, and the
 * durations of hits and misses apart. Counting adds to plain fields; it allocates nothing.
 */
import type { Catalogue, Emit } from './catalogue.ts';
import { rcodeLabel, TYPE_NAMES, typeIndex } from './dns-labels.ts';
import { FINE_TIME_BOUNDS, Histogram, SIZE_BOUNDS, TIME_BOUNDS } from './histogram.ts';

/** The transport a query came over: an index, so that counting needs no text. */
export const PROTO_UDP = 0;
export const PROTO_TCP = 1;
const PROTO_NAMES = ['udp', 'tcp'] as const;

/** The labels of an IPv4 client and of an IPv6 client, by index. */
const FAMILY_NAMES = ['1', '2'] as const;

/** Extended codes have 12 bits; the few above this that anyone has ever assigned share its place. */
const MAX_RCODE = 31;

/** What tells counters apart. */
export interface ZoneLabels {
  /** The listener: `dns://169.254.20.10:53`. */
  readonly server: string;
  /** With its last dot; `dropped` for names that no block serves. */
  readonly zone: string;
}

export class ZoneCounters {
  readonly #labels: ZoneLabels;
  /** Requests by family, transport and type index. */
  readonly #requests = new Float64Array(
    FAMILY_NAMES.length * PROTO_NAMES.length * TYPE_NAMES.length,
  );
  #dnssecOkRequests = 0;
  readonly #requestSizes = PROTO_NAMES.map(() => new Histogram(SIZE_BOUNDS));
  readonly #responseSizes = PROTO_NAMES.map(() => new Histogram(SIZE_BOUNDS));
  /** Responses by rcode, for each plugin that wrote some. BOUNDED by the directives there are. */
  readonly #responses = new Map<string, Float64Array>();
  /** The entry of `cache`, which nearly all responses go to. */
  readonly #cacheResponses: Float64Array;
  readonly #durations = new Histogram(TIME_BOUNDS);
  readonly #hitDurations = new Histogram(FINE_TIME_BOUNDS);
  readonly #missDurations = new Histogram(FINE_TIME_BOUNDS);

  constructor(labels: ZoneLabels) {
    this.#labels = labels;
    this.#cacheResponses = this.#responsesOf('cache');
  }

  /**
   * @param proto PROTO_UDP or PROTO_TCP
   * @param family of the client's address
   * @param length octets of the query
   * @param dnssecOk the DO bit of the query
   */
  countRequest(
    proto: number,
    family: 4 | 6,
    qtype: number,
    length: number,
    dnssecOk: boolean,
  ): void {
    const way = family === 4 ? proto : PROTO_NAMES.length + proto;
    this.#requests[way * TYPE_NAMES.length + typeIndex(qtype)]++;
    if (dnssecOk) this.#dnssecOkRequests++;
    this.#requestSizes[proto].observe(length);
  }

  /**
   * @param proto PROTO_UDP or PROTO_TCP
   * @param plugin the directive that wrote the response; '' for the server itself
   * @param uncompressedLength octets before compression and truncation; 0 when the server wrote it
   */
  countResponse(proto: number, rcode: number, plugin: string, uncompressedLength: number): void {
    const responses = plugin === 'cache' ? this.#cacheResponses : this.#responsesOf(plugin);
    responses[Math.min(rcode, MAX_RCODE)]++;
    this.#responseSizes[proto].observe(uncompressedLength);
  }

  /** `times` answers that lay ready in the cache and took `seconds` each. */
  countHitDurations(seconds: number, times: number): void {
    this.#durations.observeMany(seconds, times);
    this.#hitDurations.observeMany(seconds, times);
  }

  /** One answer that went through the chain. */
  countMissDuration(seconds: number): void {
    this.#durations.observe(seconds);
    this.#missDurations.observe(seconds);
  }

  /** Shows the counters in the metrics, for good. Series that were never used stay away. */
  register(catalogue: Catalogue): void {
    const { server, zone } = this.#labels;
    const labels = { server, zone, view: '' };
    catalogue.source('coredns_dns_requests_total', (emit) => this.#emitRequests(emit));
    catalogue.source('coredns_dns_responses_total', (emit) => this.#emitResponses(emit));
    catalogue.source('coredns_dns_do_requests_total', (emit) => {
      if (this.#dnssecOkRequests > 0) emit(labels, this.#dnssecOkRequests);
    });
    const sizes = (histograms: readonly Histogram[]) => (emit: Emit) => {
      histograms.forEach((histogram, proto) => {
        if (histogram.total > 0) emit({ ...labels, proto: PROTO_NAMES[proto] }, histogram);
      });
    };
    catalogue.source('coredns_dns_request_size_bytes', sizes(this.#requestSizes));
    catalogue.source('coredns_dns_response_size_bytes', sizes(this.#responseSizes));
    catalogue.source('coredns_dns_request_duration_seconds', (emit) => {
      if (this.#durations.total > 0) emit(labels, this.#durations);
    });
    catalogue.source('nodelocaldns_hit_duration_seconds', (emit) => emit({}, this.#hitDurations));
    catalogue.source('nodelocaldns_miss_duration_seconds', (emit) => {
      if (this.#missDurations.total > 0) emit({ zone }, this.#missDurations);
    });
  }

  #responsesOf(plugin: string): Float64Array {
    let responses = this.#responses.get(plugin);
    if (responses === undefined) {
      responses = new Float64Array(MAX_RCODE + 1);
      this.#responses.set(plugin, responses);
    }
    return responses;
  }

  #emitRequests(emit: Emit): void {
    const { server, zone } = this.#labels;
    this.#requests.forEach((count, index) => {
      if (count === 0) return;
      const type = TYPE_NAMES[index % TYPE_NAMES.length];
      const way = Math.floor(index / TYPE_NAMES.length);
      const proto = PROTO_NAMES[way % PROTO_NAMES.length];
      const family = FAMILY_NAMES[Math.floor(way / PROTO_NAMES.length)];
      emit({ server, zone, view: '', proto, family, type }, count);
    });
  }

  #emitResponses(emit: Emit): void {
    const { server, zone } = this.#labels;
    for (const [plugin, responses] of this.#responses) {
      responses.forEach((count, rcode) => {
        if (count > 0) emit({ server, zone, view: '', rcode: rcodeLabel(rcode), plugin }, count);
      });
    }
  }
}

/** The counters for these labels: the same ones for as long as the process lives. */
export function zoneCounters(catalogue: Catalogue, labels: ZoneLabels): ZoneCounters {
  const { server, zone } = labels;
  return catalogue.lasting(`zone-counters ${server} ${zone}`, () => {
    const counters = new ZoneCounters(labels);
    counters.register(catalogue);
    return counters;
  });
}
