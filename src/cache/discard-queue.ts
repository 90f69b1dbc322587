/**
 * Entries by the second from which they are of no use: a list per second, linked through the
 * entries, so that joining and leaving cost the same whatever the number of entries.
 *
 *   second 71 ─▶ entry ⇄ entry ⇄ entry
 *   second 74 ─▶ entry
 */
import type { Entry } from './entry.ts';

export class DiscardQueue {
  /** The first entry of each list. BOUNDED by the entries of the store. */
  readonly #lists = new Map<number, Entry>();
  /** No list is earlier than this second. */
  #earliest = Number.POSITIVE_INFINITY;

  add(entry: Entry): void {
    const second = entry.discardSecond;
    const first = this.#lists.get(second) ?? null;
    entry.later = first;
    if (first !== null) first.earlier = entry;
    this.#lists.set(second, entry);
    if (second < this.#earliest) this.#earliest = second;
  }

  remove(entry: Entry): void {
    const { earlier, later, discardSecond } = entry;
    if (later !== null) later.earlier = earlier;
    if (earlier !== null) earlier.later = later;
    else if (later !== null) this.#lists.set(discardSecond, later);
    else this.#lists.delete(discardSecond);
    entry.earlier = null;
    entry.later = null;
    if (this.#lists.size === 0) this.#earliest = Number.POSITIVE_INFINITY;
  }

  /** An entry that is of no use any more, or null. It stays in the queue. */
  due(nowMs: number): Entry | null {
    const now = Math.floor(nowMs / 1000);
    for (; this.#earliest <= now; this.#earliest++) {
      const entry = this.#lists.get(this.#earliest);
      if (entry !== undefined) return entry;
    }
    return null;
  }
}
