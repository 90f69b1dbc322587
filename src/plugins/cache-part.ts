/** What of a `cache` outlives a configuration: its entries, its counters, and the common budget. */
import { AnswerCache } from '../cache/answer-cache.ts';
import { CACHE_BUDGET_OCTETS, CacheBudget } from '../cache/budget.ts';
import { CacheCounters } from '../cache/counters.ts';
import { FlightTable, MAX_PER_FLIGHT, MAX_WAITING } from '../cache/flight.ts';
import type { Catalogue, Labels } from '../metrics/catalogue.ts';
import type { Fetched } from './cache-fetcher.ts';
import type { CacheOptions } from './cache-options.ts';
import type { BlockContext, Part } from './directive.ts';
import { lastingSearchWaste } from './search-waste.ts';

/** Entries, open while a configuration uses them. */
export class CachePart implements Part {
  /** The same in an instance that serves the same zones at the same address. */
  readonly name: string;
  readonly cache: AnswerCache;
  /** What is on its way; BOUNDED by MAX_WAITING. */
  readonly flights = new FlightTable<Fetched>({
    maxWaiting: MAX_WAITING,
    maxPerFlight: MAX_PER_FLIGHT,
  });
  readonly #labels: readonly Labels[];
  readonly #catalogue: Catalogue;
  #removeSources: () => void = () => {};

  constructor(options: CacheOptions, context: BlockContext) {
    this.#catalogue = context.catalogue;
    this.name = `${context.servers[0]} ${context.zones.join()}`;
    this.#labels = context.servers.map((server) => labelsOf(server, options.zones));
    const waste = lastingSearchWaste(this.#catalogue);
    for (const zone of context.zones) waste.addZone(zone);
    this.cache = new AnswerCache(options, {
      budget: this.#catalogue.lasting('cache budget', () => new CacheBudget(CACHE_BUDGET_OCTETS)),
      unixSeconds: () => Math.floor(Date.now() / 1000),
      tallyFor: (key) => waste.tallyFor(key),
    });
  }

  async start(): Promise<void> {
    const { cache } = this;
    cache.open();
    const removeEntries = this.#catalogue.source('coredns_cache_entries', (emit) => {
      // The original sets the gauge when it stores something, not before.
      if (!cache.used) return;
      for (const labels of this.#labels) {
        emit({ ...labels, type: 'success' }, cache.successCount);
        emit({ ...labels, type: 'denial' }, cache.denialCount);
      }
    });
    const removeWaiting = this.#catalogue.source('nodelocaldns_misses_waiting', (emit) => {
      emit({ for: 'upstream' }, this.flights.waiting);
    });
    this.#removeSources = () => {
      removeEntries();
      removeWaiting();
    };
  }

  async stop(): Promise<void> {
    this.#removeSources();
    this.cache.close();
  }
}

/** The part of a block's cache: the same one as long as zones, listeners and options are the same. */
export function takeCachePart(options: CacheOptions, context: BlockContext): CachePart {
  const key = `cache ${context.servers.join()} ${context.zones.join()} ${JSON.stringify(options)}`;
  return context.parts.take(key, () => new CachePart(options, context));
}

/** The counters of one listener's cache, for good. */
export function lastingCounters(
  catalogue: Catalogue,
  zones: readonly string[],
  server: string,
): CacheCounters {
  return catalogue.lasting(`cache ${server} ${zones.join()}`, () => {
    const counters = new CacheCounters();
    registerCounters(catalogue, counters, labelsOf(server, zones));
    return counters;
  });
}

function labelsOf(server: string, zones: readonly string[]): Labels {
  return { server, zones: zones.join(), view: '' };
}

function registerCounters(catalogue: Catalogue, counters: CacheCounters, labels: Labels): void {
  const success = { ...labels, type: 'success' };
  const denial = { ...labels, type: 'denial' };
  const single = [
    ['coredns_cache_requests_total', 'requests'],
    ['coredns_cache_misses_total', 'misses'],
    ['coredns_cache_prefetch_total', 'prefetches'],
    ['coredns_cache_drops_total', 'drops'],
    ['coredns_cache_served_stale_total', 'servedStale'],
    ['nodelocaldns_cache_guarded_total', 'guarded'],
    ['nodelocaldns_cache_cut_answers_total', 'cutAnswers'],
    ['nodelocaldns_cache_cut_probes_total', 'cutProbes'],
  ] as const;
  for (const [name, field] of single) {
    catalogue.source(name, (emit) => emit(labels, counters[field]));
  }
  catalogue.source('coredns_cache_hits_total', (emit) => {
    emit(success, counters.successHits);
    emit(denial, counters.denialHits);
  });
  catalogue.source('coredns_cache_evictions_total', (emit) => {
    emit(success, counters.successEvictions);
    emit(denial, counters.denialEvictions);
  });
}
