/**
 * What is counted for the queries of one zone at one listener: the coredns_dns_* metrics, and the
 * durations of hits and misses apart. Counting adds to plain fields; it allocates nothing.
 */
import type { Catalogue, Emit, Labels } from './catalogue.ts';
import type { MetricName } from './definitions.ts';
import { rcodeLabel, TYPE_NAMES, typeIndex } from './dns-labels.ts';
import {
  FINE_TIME_BOUNDS,
  Histogram,
  histogramLength,
  observe,
  SIZE_BOUNDS,
  TIME_BOUNDS,
} from './histogram.ts';

/** The transport a query came over: an index, so that counting needs no text. */
export const PROTO_UDP = 0;
export const PROTO_TCP = 1;
const PROTO_NAMES = ['udp', 'tcp'] as const;

/** The labels of an IPv4 client and of an IPv6 client, by index. */
const FAMILY_NAMES = ['1', '2'] as const;

/** Extended codes have 12 bits; the few above this that anyone has ever assigned share its place. */
const MAX_RCODE = 31;

/**
 * Where each kind of number begins in a zone's array. All of them lie together, what most answers need first: where
 * there are a thousand zones each answer fetches them from memory, and one place costs less than eight.
 */
const SIZES_LENGTH = histogramLength(SIZE_BOUNDS);
const DURATIONS_AT = 0;
const REQUEST_SIZES_AT = DURATIONS_AT + histogramLength(TIME_BOUNDS);
const RESPONSE_SIZES_AT = REQUEST_SIZES_AT + PROTO_NAMES.length * SIZES_LENGTH;
const CACHE_RESPONSES_AT = RESPONSE_SIZES_AT + PROTO_NAMES.length * SIZES_LENGTH;
const REQUESTS_AT = CACHE_RESPONSES_AT + MAX_RCODE + 1;
const DNSSEC_OK_AT = REQUESTS_AT + FAMILY_NAMES.length * PROTO_NAMES.length * TYPE_NAMES.length;
const MISS_DURATIONS_AT = DNSSEC_OK_AT + 1;
const VALUES_LENGTH = MISS_DURATIONS_AT + histogramLength(FINE_TIME_BOUNDS);

/** What tells counters apart. */
export interface ZoneLabels {
  /** The listener: `dns://169.254.20.10:53`. */
  readonly server: string;
  /** With its last dot; `dropped` for names that no block serves. */
  readonly zone: string;
}

export class ZoneCounters {
  readonly #labels: ZoneLabels;
  /** See DURATIONS_AT and what follows it. */
  readonly #values = new Float64Array(VALUES_LENGTH);
  /**
   * Responses by rcode, for each plugin that wrote some. Those of `cache`, which are nearly all, lie among the values.
   * BOUNDED by the directives there are.
   */
  readonly #responses = new Map<string, Float64Array>();
  readonly #hitDurations: Histogram;

  /** @param hitDurations of all zones together */
  constructor(labels: ZoneLabels, hitDurations = new Histogram(FINE_TIME_BOUNDS)) {
    this.#labels = labels;
    this.#hitDurations = hitDurations;
    this.#responses.set('cache', this.#values.subarray(CACHE_RESPONSES_AT, REQUESTS_AT));
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
    const values = this.#values;
    values[REQUESTS_AT + way * TYPE_NAMES.length + typeIndex(qtype)]++;
    if (dnssecOk) values[DNSSEC_OK_AT]++;
    observe(values, REQUEST_SIZES_AT + proto * SIZES_LENGTH, SIZE_BOUNDS, length, 1);
  }

  /**
   * @param proto PROTO_UDP or PROTO_TCP
   * @param plugin the directive that wrote the response; '' for the server itself
   * @param uncompressedLength octets before compression and truncation; 0 when the server wrote it
   */
  countResponse(proto: number, rcode: number, plugin: string, uncompressedLength: number): void {
    const values = this.#values;
    const place = Math.min(rcode, MAX_RCODE);
    if (plugin === 'cache') values[CACHE_RESPONSES_AT + place]++;
    else this.#responsesOf(plugin)[place]++;
    observe(values, RESPONSE_SIZES_AT + proto * SIZES_LENGTH, SIZE_BOUNDS, uncompressedLength, 1);
  }

  /** `times` answers that lay ready in the cache and took `seconds` each. */
  countHitDurations(seconds: number, times: number): void {
    observe(this.#values, DURATIONS_AT, TIME_BOUNDS, seconds, times);
    this.#hitDurations.observeMany(seconds, times);
  }

  /** One answer that went through the chain. */
  countMissDuration(seconds: number): void {
    observe(this.#values, DURATIONS_AT, TIME_BOUNDS, seconds, 1);
    observe(this.#values, MISS_DURATIONS_AT, FINE_TIME_BOUNDS, seconds, 1);
  }

  /** Shows the counters in the metrics, for good. Series that were never used stay away. */
  register(catalogue: Catalogue): void {
    const { server, zone } = this.#labels;
    const labels = { server, zone, view: '' };
    catalogue.source('coredns_dns_requests_total', (emit) => this.#emitRequests(emit));
    catalogue.source('coredns_dns_responses_total', (emit) => this.#emitResponses(emit));
    catalogue.source('coredns_dns_do_requests_total', (emit) => {
      if (this.#values[DNSSEC_OK_AT] > 0) emit(labels, this.#values[DNSSEC_OK_AT]);
    });
    const show = (name: MetricName, of: Labels, bounds: readonly number[], at: number) => {
      catalogue.source(name, (emit) => {
        const histogram = new Histogram(bounds, this.#values, at);
        if (histogram.total > 0) emit(of, histogram);
      });
    };
    PROTO_NAMES.forEach((proto, i) => {
      const sizes = { ...labels, proto };
      const at = i * SIZES_LENGTH;
      show('coredns_dns_request_size_bytes', sizes, SIZE_BOUNDS, REQUEST_SIZES_AT + at);
      show('coredns_dns_response_size_bytes', sizes, SIZE_BOUNDS, RESPONSE_SIZES_AT + at);
    });
    show('coredns_dns_request_duration_seconds', labels, TIME_BOUNDS, DURATIONS_AT);
    show('nodelocaldns_miss_duration_seconds', { zone }, FINE_TIME_BOUNDS, MISS_DURATIONS_AT);
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
    this.#values.subarray(REQUESTS_AT, DNSSEC_OK_AT).forEach((count, index) => {
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
    const counters = new ZoneCounters(labels, hitDurations(catalogue));
    counters.register(catalogue);
    return counters;
  });
}

function hitDurations(catalogue: Catalogue): Histogram {
  return catalogue.lasting('hit-durations', () => {
    const durations = new Histogram(FINE_TIME_BOUNDS);
    catalogue.source('nodelocaldns_hit_duration_seconds', (emit) => emit({}, durations));
    return durations;
  });
}
