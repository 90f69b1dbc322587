/** A count that many may add to. */
export interface Tally {
  count: number;
}

/** What one cache counts for one listener: plain fields, read at scrape (spec §6.2, coredns_cache_*). */
export class CacheCounters {
  requests = 0;
  successHits = 0;
  denialHits = 0;
  misses = 0;
  prefetches = 0;
  /** Replies that did not match the question they were fetched for. */
  drops = 0;
  servedStale = 0;
  /** Good answers given in place of a denial or an error. */
  guarded = 0;
  /** Denials made from that of a name above, and questions asked about such names. */
  cutAnswers = 0;
  cutProbes = 0;
  successEvictions = 0;
  denialEvictions = 0;
}
