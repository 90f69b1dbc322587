import { expect, test } from 'vitest';
import { timeouts } from '../../../src/plugins/timeouts.ts';
import { codeOf, parseWith } from '../../helpers/directive.ts';

test.each([
  ['timeouts {\n read 30s\n}', { readTimeoutMs: 30_000 }],
  ['timeouts {\n read 1\n write 24h\n}', { readTimeoutMs: 1000, writeTimeoutMs: 86_400_000 }],
  [
    'timeouts {\n idle 1m\n}\ntimeouts {\n read 5s\n}',
    { idleTimeoutMs: 60_000, readTimeoutMs: 5000 },
  ],
  ['timeouts {\n maxtcpqueries 128\n}', { maxTcpQueries: 128 }],
  ['timeouts {\n maxtcpqueries -1\n}', { maxTcpQueries: 0 }],
])('%s', (text, options) => {
  expect(parseWith(timeouts, text)).toEqual(options);
});

test.each([
  ['timeouts', 'argument-count'],
  ['timeouts {\n}', 'argument-count'],
  ['timeouts 5s {\n read 5s\n}', 'argument-count'],
  ['timeouts {\n read\n}', 'argument-count'],
  ['timeouts {\n read 1s 2s\n}', 'argument-count'],
  ['timeouts {\n read 999ms\n}', 'argument-value'],
  ['timeouts {\n read 25h\n}', 'argument-value'],
  ['timeouts {\n read soon\n}', 'argument-value'],
  ['timeouts {\n maxtcpqueries 0\n}', 'argument-value'],
  ['timeouts {\n maxtcpqueries -2\n}', 'argument-value'],
  ['timeouts {\n lunch 1h\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(timeouts, text)).toBe(code);
});
