/** How long an upstream usually takes: a smoothed mean and deviation, as TCP keeps (RFC 6298 §2). */

const MEAN_GAIN = 1 / 8;
const DEVIATION_GAIN = 1 / 4;

export class RoundTrip {
  meanMs = -1;
  #deviationMs = 0;

  get isMeasured(): boolean {
    return this.meanMs >= 0;
  }

  /** When an answer is overdue, counted from the sending. Meaningless before the first measurement. */
  get timeoutMs(): number {
    return this.meanMs + 4 * this.#deviationMs;
  }

  observe(elapsedMs: number): void {
    if (this.meanMs < 0) {
      // RFC 6298 §2.2: "SRTT <- R, RTTVAR <- R/2".
      this.meanMs = elapsedMs;
      this.#deviationMs = elapsedMs / 2;
      return;
    }
    const error = elapsedMs - this.meanMs;
    this.meanMs += error * MEAN_GAIN;
    this.#deviationMs += (Math.abs(error) - this.#deviationMs) * DEVIATION_GAIN;
  }
}
