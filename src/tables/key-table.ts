/**
 * What has a key of many characters and comes and goes thousands of times a second. Each has a slot, a
 * number that all lists know it by. Slots whose hashes end alike are a chain:
 *
 * ```
 *   chains | 3 |   | 0 |   |        by the last bits of the hash: the first slot
 *   next   | 5 |   |   |   |   | …  by slot: the next one in the chain, or the next free one
 *   hashes | … |                    by slot
 *   items  | … |                    by slot
 * ```
 *
 * JavaScript's Map takes a string, which V8 has to make and hash for each look-up, and moves its whole table
 * whenever as many keys have gone as it has room for (docs/decisions/0002-cache-store.md).
 */
import { grown, NONE, SlotLinks } from './slot-links.ts';

/** What a table can hold. */
export interface Keyed {
  /** One character per octet. */
  readonly key: string;
  /** Its place in the table that it is in, or NONE; the table's business. */
  slot: number;
}

/** A power of two, as all sizes of a table. */
const FIRST_SIZE = 64;

export class KeyTable<T extends Keyed> {
  /** BOUNDED, like all that is by slot, by twice what its owner adds at most. */
  readonly #items: (T | null)[] = [];
  #hashes = new Int32Array(0);
  #next = new Int32Array(0);
  /** As many as there are slots. */
  #chains = new Int32Array(0);
  #firstFree = NONE;
  /** BOUNDED by the lists that its owner has. */
  readonly #links: SlotLinks[] = [];

  /** For lists of what is in here: each item may be in one of those that share the links. */
  makeLinks(): SlotLinks {
    const links = new SlotLinks();
    links.grow(this.#items.length);
    this.#links.push(links);
    return links;
  }

  /** What is in a slot. */
  at(slot: number): T | null {
    return slot === NONE ? null : this.#items[slot];
  }

  /** `hash` is that of the key. */
  find(key: string, hash: number): T | null {
    for (let slot = this.#first(hash); slot !== NONE; slot = this.#next[slot]) {
      if (this.#hashes[slot] !== hash) continue;
      const item = this.#items[slot];
      if (item?.key === key) return item;
    }
    return null;
  }

  /** The same for a key that lies in `octets[0..length)`. */
  findOctets(octets: Uint8Array, length: number, hash: number): T | null {
    for (let slot = this.#first(hash); slot !== NONE; slot = this.#next[slot]) {
      if (this.#hashes[slot] !== hash) continue;
      const item = this.#items[slot];
      if (item !== null && isText(item.key, octets, length)) return item;
    }
    return null;
  }

  /** Gives it a slot. Its key, of which `hash` is the hash, must not be here. */
  add(item: T, hash: number): void {
    if (this.#firstFree === NONE) this.#grow();
    const slot = this.#firstFree;
    this.#firstFree = this.#next[slot];
    item.slot = slot;
    this.#items[slot] = item;
    this.#hashes[slot] = hash;
    this.#chain(slot);
  }

  /** Does nothing when it is in no table; it must not be in another one. */
  remove(item: T): void {
    const { slot } = item;
    if (slot === NONE) return;
    const next = this.#next;
    const at = this.#hashes[slot] & (this.#chains.length - 1);
    let before = this.#chains[at];
    if (before === slot) {
      this.#chains[at] = next[slot];
    } else {
      while (next[before] !== slot) before = next[before];
      next[before] = next[slot];
    }
    this.#items[slot] = null;
    next[slot] = this.#firstFree;
    this.#firstFree = slot;
    item.slot = NONE;
  }

  #first(hash: number): number {
    const chains = this.#chains;
    return chains.length === 0 ? NONE : chains[hash & (chains.length - 1)];
  }

  #chain(slot: number): void {
    const at = this.#hashes[slot] & (this.#chains.length - 1);
    this.#next[slot] = this.#chains[at];
    this.#chains[at] = slot;
  }

  /** Twice as many slots, when all are taken. */
  #grow(): void {
    const taken = this.#items.length;
    const size = Math.max(FIRST_SIZE, 2 * taken);
    this.#hashes = grown(this.#hashes, size);
    this.#next = grown(this.#next, size);
    this.#chains = new Int32Array(size).fill(NONE);
    for (const links of this.#links) links.grow(size);
    for (let slot = 0; slot < taken; slot++) this.#chain(slot);
    for (let slot = size - 1; slot >= taken; slot--) {
      this.#next[slot] = this.#firstFree;
      this.#firstFree = slot;
    }
    while (this.#items.length < size) this.#items.push(null);
  }
}

function isText(text: string, octets: Uint8Array, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== octets[i]) return false;
  return true;
}
