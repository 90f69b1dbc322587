/** How much memory all caches of the process take together. */

/**
 * The default: what four stock blocks may keep in a process of 60 MB (perf.md), where bare Node
 * takes 42 and code and sockets 6. Enough for about 24,000 answers of a cluster's usual size; eight
 * full stores would be 80,000, which no node has been seen to need.
 */
export const CACHE_BUDGET_OCTETS = 10 * 1024 * 1024;

/** What a budget needs of a store. */
export interface Budgeted {
  readonly octets: number;
  /** Drops the entry that is missed least. False when there is none. */
  evict(nowMs: number): boolean;
}

export class CacheBudget {
  readonly #limitOctets: number;
  /** Added by stores that were configured to be larger than usual. */
  #extraOctets = 0;
  /** BOUNDED by the cache directives in force. */
  readonly #stores = new Set<Budgeted>();
  #octets = 0;

  constructor(limitOctets: number) {
    this.#limitOctets = limitOctets;
  }

  /** Lets `store` in, with `extraOctets` for it alone that the configuration asked for. */
  admit(store: Budgeted, extraOctets: number): void {
    this.#stores.add(store);
    this.#extraOctets += extraOctets;
  }

  /** Takes `store`, empty by now, out again. */
  dismiss(store: Budgeted, extraOctets: number): void {
    if (this.#stores.delete(store)) this.#extraOctets -= extraOctets;
  }

  /** Notes that a store grew or shrank. */
  charge(octets: number): void {
    this.#octets += octets;
  }

  /** Evicts until all stores fit. The largest store gives: a small one keeps what it has. */
  enforce(nowMs: number): void {
    while (this.#octets > this.#limitOctets + this.#extraOctets) {
      let largest: Budgeted | null = null;
      for (const store of this.#stores) {
        if (largest === null || store.octets > largest.octets) largest = store;
      }
      if (largest === null || !largest.evict(nowMs)) return;
    }
  }
}
