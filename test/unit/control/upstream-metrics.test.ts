import { expect, test } from 'vitest';
import { showUpstreams } from '../../../src/control/upstream-metrics.ts';
import { RoundTrip } from '../../../src/forward/round-trip.ts';
import type { Upstream } from '../../../src/forward/upstream.ts';
import { UpstreamCounters } from '../../../src/forward/upstream-counters.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';

/** An upstream as far as it is shown. */
function upstream(to: string, changes: Partial<Upstream> = {}): Upstream {
  const roundTrip = new RoundTrip();
  return {
    ...{ to, roundTrip, counters: new UpstreamCounters(), loopingZones: new Set() },
    ...{ isDown: () => false, isSuspect: false },
    ...changes,
  } as unknown as Upstream;
}

async function linesOf(upstreams: readonly Upstream[]): Promise<string[]> {
  const catalogue = new Catalogue();
  showUpstreams(catalogue, () => upstreams);
  const text = await expose(catalogue);
  return text
    .split('\n')
    .filter((line) => /^nodelocaldns_upstream_(up|round)/.test(line))
    .map((line) => line.replace('nodelocaldns_upstream_', ''));
}

test('an upstream that is down or leads back here is not up; one never asked is', async () => {
  const lines = await linesOf([
    upstream('10.0.0.1:53'),
    upstream('10.0.0.2:53', { isDown: () => true }),
    upstream('10.0.0.3:53', { loopingZones: new Set(['.']) }),
    upstream('10.0.0.4:53', { isSuspect: true }),
  ]);
  expect(lines).toEqual([
    'up{to="10.0.0.1:53"} 1',
    'up{to="10.0.0.2:53"} 0',
    'up{to="10.0.0.3:53"} 0',
    'up{to="10.0.0.4:53"} 1',
  ]);
});

test('the round trip is in seconds, the quickest of those to one address, once measured', async () => {
  const [slow, quick] = [upstream('10.0.0.1:53'), upstream('10.0.0.1:53')];
  slow.roundTrip.observe(40);
  quick.roundTrip.observe(20);
  const lines = await linesOf([slow, quick, upstream('10.0.0.2:53')]);
  expect(lines.filter((line) => line.startsWith('round'))).toEqual([
    'round_trip_seconds{to="10.0.0.1:53"} 0.02',
  ]);
});
