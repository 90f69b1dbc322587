import { beforeEach, expect, test } from 'vitest';
import { idleTime } from '../../../src/log/idle-time.ts';
import { SocketWait } from '../../../src/server/socket-wait.ts';
import { POLLIN } from '../../../src/sockets/libc.ts';
import { ManualClock } from '../host/fakes.ts';

const SOCKET = 7;
const LOOP = 5;

let clock: ManualClock;
/** What poll is to find after how long, and with what limits it was called. */
let readable: { socket: number; loop: number; afterMs: number };
let limitsMs: number[];
/** What libuv says of its next timer. */
let timeoutMs: number;
let wait: SocketWait;
/** When it said that it is about to sleep. */
let sleptAtMs: number[];

beforeEach(() => {
  clock = new ManualClock();
  readable = { socket: POLLIN, loop: POLLIN, afterMs: 0.5 };
  limitsMs = [];
  timeoutMs = -1;
  sleptAtMs = [];
  const bytes = new ArrayBuffer(16);
  const polled = new DataView(bytes);
  const poll = (_address: number, count: number, limitMs: number) => {
    expect([count, polled.getInt32(0, true), polled.getInt32(8, true)]).toEqual([2, SOCKET, LOOP]);
    expect([polled.getUint16(4, true), polled.getUint16(12, true)]).toEqual([POLLIN, POLLIN]);
    limitsMs.push(limitMs);
    clock.ms += Math.min(readable.afterMs, limitMs);
    if (readable.afterMs > limitMs) return 0;
    polled.setUint16(6, readable.socket, true);
    polled.setUint16(14, readable.loop, true);
    return 1;
  };
  const loop = { descriptor: LOOP, timeoutMs: () => timeoutMs };
  const earlyTimer = { keep: (nowMs: number) => sleptAtMs.push(nowMs) };
  const libc = { poll, map: () => ({ bytes, address: 1 }) };
  wait = new SocketWait({ libc, loop, clock, earlyTimer });
  wait.begin();
});

const untilReadable = () => wait.untilReadable(SOCKET, { nowMs: clock.ms });

test('ends with what comes at the socket, whatever else there is', () => {
  expect(untilReadable()).toBe(true);
});

test('ends for what else the event loop has to do', () => {
  readable.socket = 0;
  expect(untilReadable()).toBe(false);
});

test('leaves errors of the socket to the event loop', () => {
  readable.socket = 8;
  expect(untilReadable()).toBe(false);
});

test('lasts six milliseconds at most, and is idle time even if nothing comes', () => {
  const before = idleTime.milliseconds;
  readable.afterMs = 100;
  expect(untilReadable()).toBe(false);
  expect(limitsMs).toEqual([6]);
  expect(idleTime.milliseconds - before).toBe(6);
});

test('knows what time it is at its beginning and at its end, and has the early timer kept before it sleeps', () => {
  expect(wait.nowMs).toBe(clock.ms);
  const startMs = clock.ms;
  untilReadable();
  expect(wait.nowMs).toBe(startMs + 0.5);
  expect(sleptAtMs).toEqual([startMs]);
});

test('is over when the next timer is due, however long ago that was asked', () => {
  timeoutMs = 3;
  wait.begin();
  readable.afterMs = 1.5;
  expect(untilReadable()).toBe(true);
  expect(untilReadable()).toBe(true);
  // libuv would say so still: its clock stands still meanwhile.
  expect(untilReadable()).toBe(false);
  expect(limitsMs).toHaveLength(2);
});

test('gives the event loop its turn after half a second, whatever comes', () => {
  const startMs = clock.ms;
  while (untilReadable()) clock.ms += 0.1;
  expect(clock.ms - startMs).toBeGreaterThan(498);
  expect(clock.ms - startMs).toBeLessThan(502);
});

test('keeps a timer for less than a millisecond', () => {
  timeoutMs = 1;
  wait.begin();
  clock.ms += 0.9;
  readable.afterMs = 100;
  expect(untilReadable()).toBe(false);
  expect(limitsMs).toEqual([1]);
});

test('does not begin when something is to be done at once', () => {
  timeoutMs = 0;
  wait.begin();
  expect(untilReadable()).toBe(false);
  expect([limitsMs, sleptAtMs]).toEqual([[], []]);
});

test('tells a pause from a query that was there already', () => {
  untilReadable();
  expect(wait.wasPause).toBe(true);
  readable.afterMs = 0.001;
  untilReadable();
  expect(wait.wasPause).toBe(false);
  readable.afterMs = 0.5;
  untilReadable();
  wait.begin();
  expect(wait.wasPause).toBe(false);
});

test('does not begin again after a millisecond of queries without a pause', () => {
  readable.afterMs = 0.001;
  let rounds = 0;
  while (untilReadable()) {
    clock.ms += 0.1;
    rounds++;
  }
  expect(rounds).toBeGreaterThanOrEqual(9);
  expect(rounds).toBeLessThanOrEqual(11);
});

test('begins again and again where there are pauses, and counts them as idle', () => {
  const before = idleTime.milliseconds;
  for (let i = 0; i < 100; i++) {
    expect(untilReadable()).toBe(true);
    clock.ms += 0.1;
  }
  expect(idleTime.milliseconds - before).toBeCloseTo(50);
});
