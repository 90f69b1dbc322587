import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { everySecond } from '../../../src/log/every-second.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('one timer calls all, each until it is ended, and goes with the last', () => {
  const [first, second] = [vi.fn(), vi.fn()];
  const endFirst = everySecond(first);
  vi.advanceTimersByTime(600);
  const endSecond = everySecond(second);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(400);
  expect([first, second].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  endFirst();
  vi.advanceTimersByTime(2000);
  expect([first, second].map(({ mock }) => mock.calls.length)).toEqual([1, 3]);
  endSecond();
  expect(vi.getTimerCount()).toBe(0);
});

test('the same function may be asked for twice', () => {
  const work = vi.fn();
  const ends = [everySecond(work), everySecond(work)];
  vi.advanceTimersByTime(1000);
  expect(work).toHaveBeenCalledTimes(2);
  for (const end of ends) end();
  expect(vi.getTimerCount()).toBe(0);
});
