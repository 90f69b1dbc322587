/** A histogram of plain fields: no label, no text until it is scraped. */
export class Histogram {
  /** Upper bounds, ascending; the last bucket has none. */
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulative; one more than `bounds`. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** How many observations there are. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  observe(value: number): void {
    this.observeMany(value, 1);
  }

  /** `times` observations of the same value: what a batch of datagrams gives. */
  observeMany(value: number, times: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.counts[bucket] += times;
    this.sum += value * times;
  }

  /** Adds what another histogram with the same bounds has seen. */
  add(other: Histogram): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i] += other.counts[i];
    this.sum += other.sum;
  }
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
