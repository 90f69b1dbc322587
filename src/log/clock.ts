/** Time, passed in so that tests can move it. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  nowMs(): number;
}

/**
 * What time it is for a query, on the clock's scale. Handed on as an object: a number with a fraction would be a
 * new object for each call, and V8's to collect.
 */
export interface Moment {
  readonly nowMs: number;
}

/** The process's monotonic clock. */
export const monotonicClock: Clock = { nowMs: () => performance.now() };
