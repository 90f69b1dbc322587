/**
 * A histogram of plain numbers: no label, no text until it is scraped. They stand in an array, alone or beside
 * others: the sum, then the observations of each bucket (not cumulative), of which there is one more than bounds.
 */
export class Histogram {
  /** Upper bounds, ascending; the last bucket has none. */
  readonly bounds: readonly number[];
  readonly #values: Float64Array;
  readonly #at: number;

  /** @param at where its numbers begin in `values` */
  constructor(
    bounds: readonly number[],
    values = new Float64Array(histogramLength(bounds)),
    at = 0,
  ) {
    this.bounds = bounds;
    this.#values = values;
    this.#at = at;
  }

  get sum(): number {
    return this.#values[this.#at];
  }

  /** Observations per bucket; a view. */
  get counts(): Float64Array {
    return this.#values.subarray(this.#at + 1, this.#at + histogramLength(this.bounds));
  }

  /** How many observations there are. */
  get total(): number {
    const end = this.#at + histogramLength(this.bounds);
    let total = 0;
    for (let i = this.#at + 1; i < end; i++) total += this.#values[i];
    return total;
  }

  observe(value: number): void {
    observe(this.#values, this.#at, this.bounds, value, 1);
  }

  /** `times` observations of the same value: what a batch of datagrams gives. */
  observeMany(value: number, times: number): void {
    observe(this.#values, this.#at, this.bounds, value, times);
  }

  /** Adds what another histogram with the same bounds has seen. */
  add(other: Histogram): void {
    const { counts } = this;
    other.counts.forEach((count, bucket) => {
      counts[bucket] += count;
    });
    this.#values[this.#at] += other.sum;
  }
}

/** How many numbers of an array a histogram takes. */
export function histogramLength(bounds: readonly number[]): number {
  return bounds.length + 2;
}

/** What `observeMany` does, for the histogram whose numbers begin at `values[at]`. */
export function observe(
  values: Float64Array,
  at: number,
  bounds: readonly number[],
  value: number,
  times: number,
): void {
  let bucket = 0;
  while (bucket < bounds.length && value > bounds[bucket]) bucket++;
  values[at + 1 + bucket] += times;
  values[at] += value * times;
}

/** Seconds: coredns' TimeBuckets, 250 µs doubling up to 8.192 s. */
export const TIME_BOUNDS: readonly number[] = [
  0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024,
  2.048, 4.096, 8.192,
];
/** Seconds: coredns' SlimTimeBuckets. */
export const SLIM_TIME_BOUNDS: readonly number[] = [0.00025, 0.0025, 0.025, 0.25, 2.5];
/** Seconds: from 10 µs, where answers from the cache lie, to the 5 s that a client waits. */
export const FINE_TIME_BOUNDS: readonly number[] = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
  0.25, 0.5, 1, 2.5, 5,
];
/** Octets of messages. */
export const SIZE_BOUNDS: readonly number[] = [
  0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000,
];
