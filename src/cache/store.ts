/**
 * Entries by key: bounded by number here and by octets in the budget. A full store drops what is of
 * no use to anyone first, then what was asked for least recently. Where expired answers are served, an
 * answer in demand is spared once each time it is found at the end of the line: a flood of names that
 * are asked for once must not push out what an outage would leave nobody else to answer.
 */
import { LRUCache } from 'lru-cache';
import type { CacheBudget } from './budget.ts';
import { DiscardQueue } from './discard-queue.ts';
import type { Entry } from './entry.ts';

/** What a store of the default capacity holds at most. */
export const DEFAULT_CAPACITY = 10_000;
/** The table's memory is taken at once, so there is an end to what a Corefile may ask for. */
const MAX_ENTRIES = 1024 * 1024;
/** What each entry above the default capacity adds to the budget: a usual answer. */
const OCTETS_PER_EXTRA_ENTRY = 500;

/** Shards of the original's store, and the fewest entries each of them holds. */
const SHARDS = 256;
const MIN_PER_SHARD = 4;

/** What a store is made for. */
export interface StoreOptions {
  /** CAPACITY as configured. */
  readonly capacity: number;
  /** Spares what is in demand. */
  readonly keepPopular: boolean;
}

/** Without it, lru-cache makes an empty object for each call. */
const NO_OPTIONS = {};

/** Hits that make an entry worth sparing, and entries spared at most to make room for one. */
const POPULAR_USES = 2;
const MAX_SPARED = 8;

/** What a store works with. */
export interface StoreModules {
  readonly budget: CacheBudget;
  /** Called for each entry that had to make room. */
  readonly onEviction: () => void;
}

export class Store {
  /**
   * Made with the first entry: it takes 220 kB at once, and few blocks of a Corefile are asked for
   * much. BOUNDED by #maxEntries.
   */
  #entries: LRUCache<string, Entry> | null = null;
  readonly #queue = new DiscardQueue();
  readonly #maxEntries: number;
  readonly #extraOctets: number;
  readonly #keepPopular: boolean;
  readonly #modules: StoreModules;
  #octets = 0;
  #isOpen = false;

  constructor(options: StoreOptions, modules: StoreModules) {
    this.#maxEntries = entriesFor(options.capacity);
    const extra = this.#maxEntries - entriesFor(DEFAULT_CAPACITY);
    this.#extraOctets = Math.max(0, extra) * OCTETS_PER_EXTRA_ENTRY;
    this.#keepPopular = options.keepPopular;
    this.#modules = modules;
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get octets(): number {
    return this.#octets;
  }

  /** The entry, now the one used last; it may have expired. */
  get(key: string): Entry | undefined {
    return this.#entries?.get(key, NO_OPTIONS);
  }

  /** The entry, its place in the order of use unchanged. */
  peek(key: string): Entry | undefined {
    return this.#entries?.peek(key, NO_OPTIONS);
  }

  /** All entries, the one used last first. */
  entries(): Iterable<Entry> {
    return this.#entries?.values() ?? [];
  }

  /** Does nothing in a store that is closed: an answer may come in for a configuration that is gone. */
  put(entry: Entry, nowMs: number): void {
    if (!this.#isOpen) return;
    const { budget } = this.#modules;
    if (!this.delete(entry.key) && this.size >= this.#maxEntries) this.evict(nowMs);
    this.#entries ??= new LRUCache({ max: this.#maxEntries });
    this.#entries.set(entry.key, entry, NO_OPTIONS);
    this.#queue.add(entry);
    this.#octets += entry.octets;
    budget.charge(entry.octets);
    budget.enforce(nowMs);
  }

  /** Returns whether there was such an entry. */
  delete(key: string): boolean {
    const entry = this.peek(key);
    if (entry === undefined) return false;
    this.#entries?.delete(key);
    this.#settle(entry);
    return true;
  }

  /** Drops one entry to make room. False when there is none. */
  evict(nowMs: number): boolean {
    const entry = this.#takeUseless(nowMs) ?? this.#takeLeastWanted();
    if (entry === undefined) return false;
    this.#settle(entry);
    this.#modules.onEviction();
    return true;
  }

  /** Takes part in the budget from now on. */
  open(): void {
    this.#isOpen = true;
    this.#modules.budget.admit(this, this.#extraOctets);
  }

  /** Forgets everything and leaves the budget. */
  close(): void {
    this.#isOpen = false;
    for (const key of [...(this.#entries?.keys() ?? [])]) this.delete(key);
    this.#modules.budget.dismiss(this, this.#extraOctets);
  }

  #takeUseless(nowMs: number): Entry | undefined {
    const entry = this.#queue.due(nowMs);
    if (entry === null) return undefined;
    this.#entries?.delete(entry.key);
    return entry;
  }

  /** The one used least recently, those passed over that were used often since they were last. */
  #takeLeastWanted(): Entry | undefined {
    for (let spared = 0; this.#keepPopular && spared < MAX_SPARED; spared++) {
      const entry = this.#entries?.pop();
      if (entry === undefined || entry.uses < POPULAR_USES) return entry;
      entry.uses = 0;
      this.#entries?.set(entry.key, entry, NO_OPTIONS);
    }
    return this.#entries?.pop();
  }

  /** Takes leave of an entry that is not in the table any more. */
  #settle(entry: Entry): void {
    this.#queue.remove(entry);
    this.#octets -= entry.octets;
    this.#modules.budget.charge(-entry.octets);
  }
}

/** Entries that the original keeps for this CAPACITY: 9,984 for 10,000, never less than 1,024. */
export function entriesFor(capacity: number): number {
  const perShard = Math.max(Math.floor(capacity / SHARDS), MIN_PER_SHARD);
  return Math.min(perShard * SHARDS, MAX_ENTRIES);
}
