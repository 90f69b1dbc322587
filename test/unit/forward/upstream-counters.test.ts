import { expect, test } from 'vitest';
import {
  borrowUpstreamCounters,
  upstreamCounters,
} from '../../../src/forward/upstream-counters.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';

const TO = '10.0.0.1:53';
const SAMPLE = `coredns_forward_requests_total{to="${TO}"} `;

/** What the metrics say was sent; null when they say nothing. */
async function sent(catalogue: Catalogue): Promise<string | null> {
  const lines = (await expose(catalogue)).split('\n');
  return lines.find((line) => line.startsWith(SAMPLE))?.slice(SAMPLE.length) ?? null;
}

test('an upstream that comes and goes takes its series with it', async () => {
  const catalogue = new Catalogue();
  const first = borrowUpstreamCounters(catalogue, TO);
  const second = borrowUpstreamCounters(catalogue, TO);
  first.counters.sent = 3;
  expect(second.counters).toBe(first.counters);
  first.release();
  expect(await sent(catalogue)).toBe('3');
  second.release();
  expect(await sent(catalogue)).toBeNull();
  const again = borrowUpstreamCounters(catalogue, TO);
  again.counters.sent = 1;
  expect(await sent(catalogue)).toBe('1');
});

test('the series stay where the Corefile names the address itself', async () => {
  const catalogue = new Catalogue();
  const passing = borrowUpstreamCounters(catalogue, TO);
  const lasting = upstreamCounters(catalogue, TO);
  expect(lasting).toBe(passing.counters);
  lasting.sent = 2;
  passing.release();
  expect(await sent(catalogue)).toBe('2');
  expect(upstreamCounters(catalogue, TO)).toBe(lasting);
});
