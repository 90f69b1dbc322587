/**
 * The most frequent keys of a stream in bounded memory: "space-saving" (Metwally, Agrawal, El
 * Abbadi 2005, https://doi.org/10.1007/978-3-540-30570-5_27). A key that is not counted yet takes
 * the place of the rarest and inherits its count, so no count is too low and none is higher by more
 * than the rarest has.
 */

/** A key and its count. */
export interface Frequent {
  readonly key: string;
  readonly count: number;
}

/** Counts that have faded below this are forgotten. */
const FORGOTTEN = 0.05;

export class SpaceSaving {
  readonly #capacity: number;
  /** BOUNDED by #capacity. */
  readonly #counts = new Map<string, number>();

  constructor(options: { readonly capacity: number }) {
    this.#capacity = options.capacity;
  }

  add(key: string, weight: number): void {
    const known = this.#counts.get(key);
    if (known !== undefined) this.#counts.set(key, known + weight);
    else if (this.#counts.size < this.#capacity) this.#counts.set(key, weight);
    else this.#counts.set(key, this.#dropRarest() + weight);
  }

  /** Makes what was counted so far weigh less than what is to come. */
  fade(factor: number): void {
    for (const [key, count] of this.#counts) {
      if (count * factor < FORGOTTEN) this.#counts.delete(key);
      else this.#counts.set(key, count * factor);
    }
  }

  /** The most frequent keys, in descending order. */
  top(limit: number): Frequent[] {
    return [...this.#counts]
      .map(([key, count]) => ({ key, count }))
      .sort((a, b) => b.count - a.count)
      .slice(0, limit);
  }

  /** Returns the count of the key that had to go. */
  #dropRarest(): number {
    let rarest = '';
    let least = Number.POSITIVE_INFINITY;
    for (const [key, count] of this.#counts) {
      if (count >= least) continue;
      rarest = key;
      least = count;
    }
    this.#counts.delete(rarest);
    return least;
  }
}
