/**
 * How long the properties of this folder are tried: in all at most a minute, or FUZZ_SECONDS, for
 * which as many cases are tried as fit. FUZZ_SEED=n tries others. What is found becomes a case:
 * `examples` of its property.
 */

/** Of this folder: each gets its share of the time. */
const PROPERTIES = 20;
const DEFAULT_SECONDS = 60;
const DEFAULT_SEED = 20_261;

const seconds = process.env.FUZZ_SECONDS;

/** What fast-check is to do with one property; `numRuns` cases unless a time was asked for. */
export function runs(numRuns: number) {
  return {
    seed: Number(process.env.FUZZ_SEED ?? DEFAULT_SEED),
    numRuns: seconds === undefined ? numRuns : Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: (Number(seconds ?? DEFAULT_SECONDS) * 1000) / PROPERTIES,
    // The first case is tried whatever the time.
    markInterruptAsFailure: false,
  };
}

/** For vitest: longer than any property may take. */
export const FUZZ_TIMEOUT_MS = (Number(seconds ?? DEFAULT_SECONDS) * 2000) / PROPERTIES + 20_000;
