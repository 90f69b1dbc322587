/**
 * Entries by key. Each has a slot, a number that all lists know it by. Slots whose hashes end alike
 * are a chain:
 *
 * ```
 *   chains  | 3 |   | 0 |   |        by the last bits of the hash: the first slot
 *   next    | 5 |   |   |   |   | …  by slot: the next one in the chain, or the next free one
 *   hashes  | … |                    by slot
 *   entries | … |                    by slot
 * ```
 *
 * JavaScript's Map takes a string, which V8 has to make and hash for each look-up, and moves its whole table
 * whenever as many entries have gone as it has room for.
 */
import { hashText } from '../dns/key-hash.ts';
import type { Entry } from './entry.ts';
import { grown, NONE, SlotLinks } from './slot-links.ts';

/** A power of two, as all sizes of a table. */
const FIRST_SIZE = 64;

export class EntryTable {
  /** Links of the order of use, and of what is to be discarded when. */
  readonly uses = new SlotLinks();
  readonly discards = new SlotLinks();
  /** BOUNDED, like all that is by slot, by twice the entries that the stores hold at most. */
  readonly #entries: (Entry | null)[] = [];
  #hashes = new Int32Array(0);
  #next = new Int32Array(0);
  /** As many as there are slots. */
  #chains = new Int32Array(0);
  #firstFree = NONE;

  /** The entry in a slot that is taken. */
  at(slot: number): Entry | null {
    return slot === NONE ? null : this.#entries[slot];
  }

  /** `hash` is that of the key. */
  find(key: string, hash = hashText(key)): Entry | null {
    for (let slot = this.#first(hash); slot !== NONE; slot = this.#next[slot]) {
      if (this.#hashes[slot] !== hash) continue;
      const entry = this.#entries[slot];
      if (entry?.key === key) return entry;
    }
    return null;
  }

  /** The same for a key that lies in `octets[0..length)`. */
  findOctets(octets: Uint8Array, length: number, hash: number): Entry | null {
    for (let slot = this.#first(hash); slot !== NONE; slot = this.#next[slot]) {
      if (this.#hashes[slot] !== hash) continue;
      const entry = this.#entries[slot];
      if (entry !== null && isText(entry.key, octets, length)) return entry;
    }
    return null;
  }

  /** Gives an entry a slot. Its key, of which `hash` is the hash, must not be here. */
  add(entry: Entry, hash = hashText(entry.key)): void {
    if (this.#firstFree === NONE) this.#grow();
    const slot = this.#firstFree;
    this.#firstFree = this.#next[slot];
    entry.slot = slot;
    this.#entries[slot] = entry;
    this.#hashes[slot] = hash;
    this.#chain(slot);
  }

  /** It must be here. */
  remove(entry: Entry): void {
    const { slot } = entry;
    const next = this.#next;
    const at = this.#hashes[slot] & (this.#chains.length - 1);
    let before = this.#chains[at];
    if (before === slot) {
      this.#chains[at] = next[slot];
    } else {
      while (next[before] !== slot) before = next[before];
      next[before] = next[slot];
    }
    this.#entries[slot] = null;
    next[slot] = this.#firstFree;
    this.#firstFree = slot;
    entry.slot = NONE;
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
    const taken = this.#entries.length;
    const size = Math.max(FIRST_SIZE, 2 * taken);
    this.#hashes = grown(this.#hashes, size);
    this.#next = grown(this.#next, size);
    this.#chains = new Int32Array(size).fill(NONE);
    this.uses.grow(size);
    this.discards.grow(size);
    for (let slot = 0; slot < taken; slot++) this.#chain(slot);
    for (let slot = size - 1; slot >= taken; slot--) {
      this.#next[slot] = this.#firstFree;
      this.#firstFree = slot;
    }
    while (this.#entries.length < size) this.#entries.push(null);
  }
}

function isText(text: string, octets: Uint8Array, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== octets[i]) return false;
  return true;
}
