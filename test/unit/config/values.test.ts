import { expect, test } from 'vitest';
import { durationMs, goDuration } from '../../../src/config/values.ts';

test.each([
  ['0', 0],
  ['0s', 0],
  ['300ms', 300],
  ['1.5s', 1500],
  ['.5s', 500],
  ['1h20m', 4_800_000],
  ['+2s', 2000],
  ['-2s', -2000],
  ['2', null],
  ['s', null],
  ['1d', null],
  ['', null],
  ['1 s', null],
])('%j is %s milliseconds', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each([
  [0, '0s'],
  [0.0015, '1.5µs'],
  [250, '250ms'],
  [1500, '1.5s'],
  [30_000, '30s'],
  [300_000, '5m0s'],
  [3_600_000, '1h0m0s'],
  [4_830_500, '1h20m30.5s'],
])('%s milliseconds are %s', (ms, text) => {
  expect(goDuration(ms)).toBe(text);
});
