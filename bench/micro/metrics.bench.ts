/**
 * What counting costs per query, and what a scrape costs.
 *
 * Run: node_modules/.bin/node bench/micro/metrics.bench.ts
 */
import { Catalogue } from '../../src/metrics/catalogue.ts';
import { expose } from '../../src/metrics/exposition.ts';
import { PROTO_UDP, zoneCounters } from '../../src/metrics/zone-counters.ts';

const QUERIES = 20_000_000;
const BATCH = 16;

const catalogue = new Catalogue();
const zones = ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.', '.'];
const servers = ['dns://169.254.20.10:53', 'dns://10.96.0.10:53'];
const counters = servers.flatMap((server) =>
  zones.map((zone) => zoneCounters(catalogue, { server, zone })),
);

/** Nanoseconds of processor time per query for what a hit counts. */
function countHits(): number {
  const start = process.cpuUsage();
  for (let i = 0; i < QUERIES; i++) {
    const zone = counters[i & 7];
    zone.countRequest(PROTO_UDP, 4, (i & 1) === 0 ? 1 : 28, 40 + (i & 31), (i & 15) === 0);
    zone.countResponse(PROTO_UDP, (i & 7) === 0 ? 3 : 0, 'cache', 80 + (i & 127));
    if (i % BATCH === 0) zone.countHitDurations(0.000012, BATCH);
  }
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / QUERIES;
}

for (let run = 0; run < 3; run++) console.log(`hit: ${countHits().toFixed(1)} ns/query`);

for (const zone of counters) {
  for (const rcode of [0, 2, 3]) zone.countResponse(PROTO_UDP, rcode, '', 0);
  zone.countMissDuration(0.01);
}
for (let run = 0; run < 20; run++) {
  const start = performance.now();
  const text = await expose(catalogue);
  const tookMs = performance.now() - start;
  const lines = text.split('\n').length;
  if (run % 5 === 4) console.log(`scrape: ${tookMs.toFixed(2)} ms, ${lines} lines`);
}
