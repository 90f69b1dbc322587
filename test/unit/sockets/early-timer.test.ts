import { beforeEach, expect, test } from 'vitest';
import { EarlyTimer } from '../../../src/sockets/early-timer.ts';
import { loadLibc } from '../../../src/sockets/libc.ts';

let nowMs: number;
/** When it was set. */
let setAtMs: number[];
let timer: EarlyTimer;

beforeEach(() => {
  const { libc } = loadLibc();
  if (libc === null) throw new Error('this test needs koffi');
  nowMs = 1000;
  setAtMs = [];
  timer = new EarlyTimer({
    ...libc,
    timerfd_settime(...parameters) {
      setAtMs.push(nowMs);
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
  // 1.5 ms ahead, and set anew when it is half a millisecond.
  for (const gapMs of gaps) expect(gapMs).toBeCloseTo(1, 0);
  expect(gaps.length).toBeGreaterThan(15);
});

test('is not set where sleeps are long', () => {
  sleepEvery(0.6, 100);
  expect(setAtMs).toEqual([]);
  sleepEvery(0.1, 1);
  expect(setAtMs).toHaveLength(1);
});

test('is not set again when it was set just before', () => {
  sleepEvery(0.1, 2);
  sleepEvery(0.01, 50);
  expect(setAtMs).toHaveLength(1);
});

test('is a timer of the kernel, due after one and a half milliseconds', () => {
  const { libc } = loadLibc();
  if (libc === null) return;
  let fd = -1;
  const own = new EarlyTimer({
    ...libc,
    timerfd_settime(...parameters) {
      [fd] = parameters;
      return libc.timerfd_settime(...parameters);
    },
  });
  const polled = libc.map(8);
  const view = new DataView(polled.bytes);
  const startMs = performance.now();
  own.keep(startMs);
  own.keep(startMs + 0.1);
  view.setInt32(0, fd, true);
  view.setUint16(4, 1, true);
  expect(libc.poll(polled.address, 1, 1000)).toBe(1);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(1.5);
  expect(performance.now() - startMs).toBeLessThan(500);
});
