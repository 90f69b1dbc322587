import { expect, test } from 'vitest';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import { lastingSearchWaste, SearchWaste } from '../../../src/plugins/search-waste.ts';
import { soa, startCache } from '../../helpers/cache-fixture.ts';
import { makeQuery } from '../../helpers/queries.ts';

/** The suffixes that `names` were counted for. */
function countedFor(waste: SearchWaste, names: readonly string[]): Record<string, number> {
  for (const name of names) {
    const tally = waste.tallyFor(makeQuery(name).key);
    if (tally !== null) tally.count++;
  }
  const counts: Record<string, number> = {};
  waste.each((name, count) => {
    counts[name] = count;
  });
  return counts;
}

test('a denied name counts for the longest suffix that it ends in', () => {
  const waste = new SearchWaste();
  waste.add('eu.compute.internal');
  waste.addZone('cluster.local.');
  const names = [
    'example.com.default.svc.cluster.local.',
    'example.com.svc.cluster.local.',
    'example.com.cluster.local.',
    'Example.COM.eu.compute.internal.',
  ];
  expect(countedFor(waste, names)).toEqual({
    'svc.cluster.local.': 2,
    'cluster.local.': 1,
    'eu.compute.internal.': 1,
  });
});

test('a suffix itself, other names and parts of labels are not counted', () => {
  const waste = new SearchWaste();
  waste.addZone('cluster.local.');
  const names = ['cluster.local.', 'example.com.', 'mycluster.local.', 'local.'];
  expect(countedFor(waste, names)).toEqual({});
});

test('the root and reverse zones are no suffixes', () => {
  const waste = new SearchWaste();
  for (const zone of ['.', 'in-addr.arpa.', 'ip6.arpa.']) waste.addZone(zone);
  waste.add('.');
  waste.add('not..a.name');
  expect(waste.tallyFor(makeQuery('1.0.0.10.in-addr.arpa.').key)).toBeNull();
});

test('there are at most 32 suffixes, and each is there once', () => {
  const waste = new SearchWaste();
  for (let i = 0; i < 40; i++) waste.add('twice.example');
  for (let i = 0; i < 40; i++) waste.add(`s${i}.example`);
  const names = Array.from({ length: 40 }, (_, i) => `x.s${i}.example.`);
  expect(Object.keys(countedFor(waste, names))).toHaveLength(31);
});

test('the metric shows what was wasted, across configurations', async () => {
  const catalogue = new Catalogue();
  lastingSearchWaste(catalogue).addZone('cluster.local.');
  const key = makeQuery('example.com.svc.cluster.local.').key;
  const tally = lastingSearchWaste(catalogue).tallyFor(key);
  if (tally !== null) tally.count += 3;
  expect(await expose(catalogue)).toContain(
    'nodelocaldns_wasted_searches_total{suffix="svc.cluster.local."} 3\n',
  );
});

test('each client that is denied counts, whether its answer lay in the cache or not', async () => {
  const { ask, send, upstream, context } = await startCache('cache', { zones: ['cluster.local.'] });
  upstream.reply = () => ({ rcode: 'NXDOMAIN', authorities: [soa(30)] });
  upstream.holding = true;
  const asking = { name: 'example.com.svc.cluster.local' };
  send(asking);
  send(asking);
  upstream.release();
  ask(asking);
  expect(upstream.seen).toHaveLength(1);
  expect(await expose(context.catalogue)).toContain(
    'nodelocaldns_wasted_searches_total{suffix="svc.cluster.local."} 3\n',
  );
});
