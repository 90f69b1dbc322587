import { beforeEach, expect, test } from 'vitest';
import { Moderation } from '../../../src/server/moderation.ts';

let nowMs: number;
let waitsUs: number[];
let moderation: Moderation;

beforeEach(() => {
  nowMs = 1000;
  waitsUs = [];
  const usleep = (us: number) => {
    waitsUs.push(us);
    nowMs += us / 1000;
    return 0;
  };
  moderation = new Moderation({ usleep }, () => nowMs);
});

/** So many queries in a second, one every turn, for `forMs`. */
function load(perSecond: number, forMs: number, isFull = false): void {
  const endMs = nowMs + forMs;
  while (nowMs < endMs) {
    const before = nowMs;
    nowMs = moderation.wait(nowMs) + 1000 / perSecond;
    moderation.answered(Math.round(((nowMs - before) * perSecond) / 1000), isFull, { nowMs });
  }
}

test.each([100, 1000, 10_000, 15_000])('at %i/s nobody waits', (perSecond) => {
  load(perSecond, 100);
  expect(waitsUs).toEqual([]);
});

test('above, waits are long enough for some to gather, within a limit', () => {
  load(20_000, 100);
  expect(waitsUs.length).toBeGreaterThan(100);
  expect(Math.max(...waitsUs)).toBe(150);
  waitsUs = [];
  load(200_000, 100);
  // Sixteen at 200,000/s.
  expect(waitsUs.at(-1)).toBeGreaterThan(70);
  expect(waitsUs.at(-1)).toBeLessThan(90);
});

test('begins soon after the load does, and ends soon after it', () => {
  load(100_000, 10);
  expect(waitsUs.length).toBeGreaterThan(0);
  load(1000, 10);
  waitsUs = [];
  load(1000, 100);
  expect(waitsUs).toEqual([]);
});

test('the first query after a silence does not wait', () => {
  load(100_000, 50);
  waitsUs = [];
  nowMs += 20;
  moderation.wait(nowMs);
  expect(waitsUs).toEqual([]);
});

test('several sockets of one turn wait once', () => {
  load(100_000, 50);
  nowMs += 1;
  waitsUs = [];
  for (let socket = 0; socket < 3; socket++) {
    nowMs = moderation.wait(nowMs) + 0.01;
    moderation.answered(5, false, { nowMs });
  }
  expect(waitsUs.length).toBe(1);
});

test('does not wait while it is behind', () => {
  load(100_000, 50);
  load(100_000, 1, true);
  waitsUs = [];
  load(100_000, 50, true);
  expect(waitsUs).toEqual([]);
});

test('waits no longer when the rate is too high for it to give anything', () => {
  load(2_000_000, 50);
  waitsUs = [];
  load(2_000_000, 20);
  expect(waitsUs).toEqual([]);
});

test('is calm until queries come fast, and again when they do not', () => {
  expect(moderation.isCalm).toBe(true);
  load(10_000, 50);
  expect(moderation.isCalm).toBe(true);
  load(50_000, 50);
  expect(moderation.isCalm).toBe(false);
  load(10_000, 50);
  expect(moderation.isCalm).toBe(true);
});
