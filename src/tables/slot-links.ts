/** Neighbours in lists, by the slots that they have in their table (key-table.ts). */

/** Where there is no slot. */
export const NONE = -1;

/**
 * Numbers, and not fields of what is listed: an old object that leads to a new one is work for the
 * collector each time, and there would be two of them for each list that something comes into and goes from.
 */
export class SlotLinks {
  /** BOUNDED by the slots of the table, like `after`. */
  before = new Int32Array(0);
  after = new Int32Array(0);

  /** Makes room for slots below `size`. */
  grow(size: number): void {
    this.before = grown(this.before, size);
    this.after = grown(this.after, size);
  }
}

/** A list of slots. */
export class SlotList {
  readonly #links: SlotLinks;
  #first = NONE;
  #last = NONE;
  #size = 0;

  constructor(links: SlotLinks) {
    this.#links = links;
  }

  get size(): number {
    return this.#size;
  }

  get first(): number {
    return this.#first;
  }

  /** Adds a slot that is in no list of these links. */
  push(slot: number): void {
    const { before, after } = this.#links;
    before[slot] = this.#last;
    after[slot] = NONE;
    if (this.#last === NONE) this.#first = slot;
    else after[this.#last] = slot;
    this.#last = slot;
    this.#size++;
  }

  /** Takes out a slot that is in this list. */
  remove(slot: number): void {
    const before = this.#links.before[slot];
    const after = this.#links.after[slot];
    if (before === NONE) this.#first = after;
    else this.#links.after[before] = after;
    if (after === NONE) this.#last = before;
    else this.#links.before[after] = before;
    this.#size--;
  }

  /** All of them, the first one first. */
  toArray(): number[] {
    const slots: number[] = [];
    for (let slot = this.#first; slot !== NONE; slot = this.#links.after[slot]) slots.push(slot);
    return slots;
  }

  moveToEnd(slot: number): void {
    if (slot === this.#last) return;
    this.remove(slot);
    this.push(slot);
  }
}

export function grown(numbers: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size);
  larger.set(numbers);
  return larger;
}
