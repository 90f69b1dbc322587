import { beforeEach, expect, test } from 'vitest';
import { EarlyTimer } from '../../../src/sockets/early-timer.ts';
import { loadLibc, POLLIN } from '../../../src/sockets/libc.ts';

const { libc } = loadLibc();
if (libc === null) throw new Error('these tests need koffi');

let nowMs: number;
/** When it was set, and which descriptor. */
let setAtMs: number[];
let timers: number[];
let timer: EarlyTimer;

beforeEach(() => {
  nowMs = 1000;
  setAtMs = [];
  timers = [];
  timer = new EarlyTimer({
    ...libc,
    timerfd_settime(...parameters) {
      setAtMs.push(nowMs);
      timers.push(parameters[0]);
      const status = libc.timerfd_settime(...parameters);
      expect(status).toBe(0);
      return status;
    },
  });
});

/** Sleeps `count` times, each `gapMs` after the one before. */
function sleepEvery(gapMs: number, count: number): void {
  for (let i = 0; i < count; i++) {
    nowMs += gapMs;
    timer.keep(nowMs);
  }
}

test('is due before long whenever somebody sleeps who was woken up soon before', () => {
  sleepEvery(0.1, 200);
  expect(setAtMs[0]).toBeLessThan(1000.3);
  const gaps = setAtMs.slice(1).map((atMs, i) => atMs - setAtMs[i]);
  // 2.2 ms ahead, and set anew when it is 1.2.
  for (const gapMs of gaps) expect(gapMs).toBeCloseTo(1, 0);
  expect(gaps.length).toBeGreaterThan(15);
});

test('is due after the next sleep, up to 1.2 ms, and not set where sleeps are longer', () => {
  sleepEvery(1.1, 100);
  expect(setAtMs).toHaveLength(99);
  sleepEvery(1.3, 100);
  expect(setAtMs).toHaveLength(99);
});

test('is one of two in turns: the one that is due sooner stays', () => {
  sleepEvery(1, 9);
  expect(new Set(timers).size).toBe(2);
  for (const [i, timer] of timers.slice(1).entries()) expect(timer).not.toBe(timers[i]);
});

test('is a timer of the kernel, due after 2.2 ms', () => {
  const polled = libc.map(8);
  const view = new DataView(polled.bytes);
  // Before it is set: this machine may stand still behind.
  const startMs = performance.now();
  sleepEvery(1, 2);
  view.setInt32(0, timers[0], true);
  view.setUint16(4, POLLIN, true);
  expect(libc.poll(polled.address, 1, 1000)).toBe(1);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(2.2);
  expect(performance.now() - startMs).toBeLessThan(500);
});
