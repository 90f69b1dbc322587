/**
 * Entries of one class: bounded by number here and by octets in the budget. A full store drops what is of
 * no use to anyone first, then what was asked for least recently. Where expired answers are served, an
 * answer in demand is spared once each time it is found at the end of the line: a flood of names that
 * are asked for once must not push out what an outage would leave nobody else to answer.
 */
import type { KeyTable } from '../tables/key-table.ts';
import { type SlotLinks, SlotList } from '../tables/slot-links.ts';
import type { CacheBudget } from './budget.ts';
import { DiscardQueue } from './discard-queue.ts';
import type { Entry } from './entry.ts';

/** What a store of the default capacity holds at most. */
export const DEFAULT_CAPACITY = 10_000;
/** There is an end to what a Corefile may ask for. */
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

/** Hits that make an entry worth sparing, and entries spared at most to make room for one. */
const POPULAR_USES = 2;
const MAX_SPARED = 8;

/** What a store works with. */
export interface StoreModules {
  readonly budget: CacheBudget;
  /** Where its entries are found by their keys, and links of that table; shared by the stores of a cache. */
  readonly table: KeyTable<Entry>;
  readonly uses: SlotLinks;
  readonly discards: SlotLinks;
  /** Called for each entry that had to make room. */
  readonly onEviction: () => void;
}

export class Store {
  /** In the order of their last use. BOUNDED by #maxEntries, like #queue. */
  readonly #order: SlotList;
  readonly #queue: DiscardQueue;
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
    this.#order = new SlotList(modules.uses);
    this.#queue = new DiscardQueue(modules.table, modules.discards);
  }

  get size(): number {
    return this.#order.size;
  }

  get octets(): number {
    return this.#octets;
  }

  /** One of its entries is the one used last. */
  touch(entry: Entry): void {
    this.#order.moveToEnd(entry.slot);
  }

  /** All entries, the one used last first. */
  entries(): Entry[] {
    const { table } = this.#modules;
    const slots = this.#order.toArray().reverse();
    return slots.map((slot) => table.at(slot)).filter((entry) => entry !== null);
  }

  /**
   * Takes in an entry whose key, of which `hash` is the hash, is not in the table. Does nothing in a store that is closed: an answer
   * may come in for a configuration that is gone.
   */
  put(entry: Entry, nowMs: number, hash: number): void {
    if (!this.#isOpen) return;
    const { budget, table } = this.#modules;
    if (this.size >= this.#maxEntries) this.evict(nowMs);
    table.add(entry, hash);
    this.#order.push(entry.slot);
    this.#queue.add(entry);
    this.#octets += entry.octets;
    budget.charge(entry.octets);
    budget.enforce(nowMs);
  }

  /** Takes out one of its entries. */
  delete(entry: Entry): void {
    this.#order.remove(entry.slot);
    this.#queue.remove(entry);
    this.#modules.table.remove(entry);
    this.#octets -= entry.octets;
    this.#modules.budget.charge(-entry.octets);
  }

  /** Drops one entry to make room. False when there is none. */
  evict(nowMs: number): boolean {
    const entry = this.#queue.due(nowMs) ?? this.#leastWanted();
    if (entry === null) return false;
    this.delete(entry);
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
    for (const entry of this.entries()) this.delete(entry);
    this.#modules.budget.dismiss(this, this.#extraOctets);
  }

  /** The one used least recently, those passed over that were used often since they were last. */
  #leastWanted(): Entry | null {
    const { table } = this.#modules;
    for (let spared = 0; this.#keepPopular && spared < MAX_SPARED; spared++) {
      const entry = table.at(this.#order.first);
      if (entry === null || entry.uses < POPULAR_USES) return entry;
      entry.uses = 0;
      this.touch(entry);
    }
    return table.at(this.#order.first);
  }
}

/** Entries that the original keeps for this CAPACITY: 9,984 for 10,000, never less than 1,024. */
export function entriesFor(capacity: number): number {
  const perShard = Math.max(Math.floor(capacity / SHARDS), MIN_PER_SHARD);
  return Math.min(perShard * SHARDS, MAX_ENTRIES);
}
