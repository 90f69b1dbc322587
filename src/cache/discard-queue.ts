/**
 * Entries by the second from which they are of no use: a list per second, so that joining and leaving
 * cost the same whatever the number of entries.
 *
 *   second 71 ─▶ slot ⇄ slot ⇄ slot
 *   second 74 ─▶ slot
 */
import type { KeyTable } from '../tables/key-table.ts';
import { NONE, type SlotLinks } from '../tables/slot-links.ts';
import type { Entry } from './entry.ts';

export class DiscardQueue {
  readonly #table: KeyTable<Entry>;
  readonly #links: SlotLinks;
  /** The first slot of each list. BOUNDED by the entries of the store. */
  readonly #lists = new Map<number, number>();
  /** No list is earlier than this second. */
  #earliest = Number.POSITIVE_INFINITY;

  constructor(table: KeyTable<Entry>, links: SlotLinks) {
    this.#table = table;
    this.#links = links;
  }

  /** It must be in the table. */
  add({ slot, discardSecond }: Entry): void {
    const { before, after } = this.#links;
    const first = this.#lists.get(discardSecond) ?? NONE;
    before[slot] = NONE;
    after[slot] = first;
    if (first !== NONE) before[first] = slot;
    this.#lists.set(discardSecond, slot);
    if (discardSecond < this.#earliest) this.#earliest = discardSecond;
  }

  /** It must still be in the table. */
  remove({ slot, discardSecond }: Entry): void {
    const { before, after } = this.#links;
    const earlier = before[slot];
    const later = after[slot];
    if (later !== NONE) before[later] = earlier;
    if (earlier !== NONE) after[earlier] = later;
    else if (later !== NONE) this.#lists.set(discardSecond, later);
    else this.#lists.delete(discardSecond);
    if (this.#lists.size === 0) this.#earliest = Number.POSITIVE_INFINITY;
  }

  /** An entry that is of no use any more, or null. It stays in the queue. */
  due(nowMs: number): Entry | null {
    const now = Math.floor(nowMs / 1000);
    for (; this.#earliest <= now; this.#earliest++) {
      const slot = this.#lists.get(this.#earliest);
      if (slot !== undefined) return this.#table.at(slot);
    }
    return null;
  }
}
