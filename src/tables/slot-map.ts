/**
 * A Map for what comes and goes thousands of times a second.
 *
 * A Map that is added to and deleted from moves to a new table again and again. V8 links each table
 * it has left to the next one, and a young table that is linked from an old one counts as alive until
 * the old generation is collected, with all that it held when it was left. So with objects as its
 * values a Map makes nearly every query that was ever under way look long-lived. Here the Map holds
 * numbers only, and the objects stand in an array that is written over.
 */
export class SlotMap<K extends string | number, V> {
  /** Where each key's value stands. BOUNDED by the owner, as the others are. */
  readonly #slots = new Map<K, number>();
  readonly #values: (V | undefined)[] = [];
  /** Places in #values that are free. */
  readonly #free: number[] = [];

  get size(): number {
    return this.#slots.size;
  }

  /** The most values there were at once: what the array has grown to. */
  get places(): number {
    return this.#values.length;
  }

  has(key: K): boolean {
    return this.#slots.has(key);
  }

  get(key: K): V | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#values[slot];
  }

  /** Adds a value under a key that is not there. */
  add(key: K, value: V): void {
    const slot = this.#free.pop() ?? this.#values.length;
    this.#values[slot] = value;
    this.#slots.set(key, slot);
  }

  /** Returns whether the key was there. */
  delete(key: K): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#slots.delete(key);
    this.#values[slot] = undefined;
    this.#free.push(slot);
    return true;
  }

  /** The values there are now, the oldest first. */
  values(): V[] {
    const values: V[] = [];
    for (const slot of this.#slots.values()) {
      const value = this.#values[slot];
      if (value !== undefined) values.push(value);
    }
    return values;
  }
}
