/** Time, passed in so that tests can move it. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  nowMs(): number;
}

/** The process's monotonic clock. */
export const monotonicClock: Clock = { nowMs: () => performance.now() };
