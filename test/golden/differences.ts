/**
 * Where we answer otherwise than node-cache was recorded to, on purpose. The tests hold us to the
 * answers given here, and fail when one of them is no longer a difference.
 */

export interface Difference {
  readonly scenario: string;
  /** Why ours is better. */
  readonly reason: string;
  /** Our values, by place: `step 2 got.flags`. */
  readonly ours: Readonly<Record<string, unknown>>;
}

export const DIFFERENCES: readonly Difference[] = [];
