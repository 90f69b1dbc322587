import { expect, test } from 'vitest';
import type { Durations, NodeState } from '../../../src/control/protocol.ts';
import { quantile, sampleBetween } from '../../../src/page/sample.ts';

function durations(counts: number[]): Durations {
  return { bounds: [0.001, 0.01, 0.1], counts, sumSeconds: 0 };
}

test('a quantile lies within its bucket, in proportion', () => {
  expect(quantile(durations([0, 10, 0, 0]), 0.5)).toBeCloseTo(0.0055);
  expect(quantile(durations([4, 0, 0, 0]), 1)).toBeCloseTo(0.001);
});

test('what lies above the last bound counts as the last bound', () => {
  expect(quantile(durations([0, 0, 0, 3]), 0.99)).toBe(0.1);
});

test('nothing has no quantile', () => {
  expect(quantile(durations([0, 0, 0, 0]), 0.5)).toBeNull();
});

test('a sample is about the time between two states only', () => {
  const state = (nowMs: number, hits: number[], others: number[]) =>
    ({
      nowMs,
      counts: { hitDurations: durations(hits), missDurations: durations(others) },
    }) as NodeState;
  const before = state(1000, [100, 0, 0, 0], [0, 0, 5, 0]);
  const sample = sampleBetween(before, state(3000, [110, 0, 0, 0], [0, 0, 5, 0]));
  expect(sample.hitsPerSecond).toBe(5);
  expect(sample.othersPerSecond).toBe(0);
  expect(sample.hitLatency.p99).toBeCloseTo(0.00099);
  expect(sample.otherLatency).toEqual({ p50: null, p99: null });
});
