/** What happened between two states: rates and durations of that time alone. */
import type { Durations, NodeState } from '../control/protocol.ts';

export interface Sample {
  readonly hitsPerSecond: number;
  readonly othersPerSecond: number;
  readonly hitLatency: Latency;
  readonly otherLatency: Latency;
}

/** Seconds within which so many of a hundred were answered; null without any. */
export interface Latency {
  readonly p50: number | null;
  readonly p99: number | null;
}

/** @param before a state of the same process */
export function sampleBetween(before: NodeState, after: NodeState): Sample {
  const seconds = Math.max(0.001, (after.nowMs - before.nowMs) / 1000);
  const hits = difference(before.counts.hitDurations, after.counts.hitDurations);
  const others = difference(before.counts.missDurations, after.counts.missDurations);
  return {
    hitsPerSecond: sum(hits.counts) / seconds,
    othersPerSecond: sum(others.counts) / seconds,
    hitLatency: latencyOf(hits),
    otherLatency: latencyOf(others),
  };
}

function difference(before: Durations, after: Durations): Durations {
  const counts = after.counts.map((count, at) => Math.max(0, count - (before.counts[at] ?? 0)));
  return { bounds: after.bounds, counts, sumSeconds: after.sumSeconds - before.sumSeconds };
}

function latencyOf(durations: Durations): Latency {
  return { p50: quantile(durations, 0.5), p99: quantile(durations, 0.99) };
}

/** Interpolated within its bucket, as Prometheus does it; the last bucket counts as its lower bound. */
export function quantile({ bounds, counts }: Durations, share: number): number | null {
  const total = sum(counts);
  if (total === 0) return null;
  let below = 0;
  for (let at = 0; at < bounds.length; at++) {
    if (below + counts[at] < share * total) {
      below += counts[at];
      continue;
    }
    const lower = at === 0 ? 0 : bounds[at - 1];
    return lower + ((bounds[at] - lower) * (share * total - below)) / counts[at];
  }
  return bounds[bounds.length - 1];
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
