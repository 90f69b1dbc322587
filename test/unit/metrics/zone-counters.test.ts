import { expect, test } from 'vitest';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import {
  PROTO_TCP,
  PROTO_UDP,
  ZoneCounters,
  zoneCounters,
} from '../../../src/metrics/zone-counters.ts';

const LABELS = { server: 'dns://169.254.20.10:53', zone: 'cluster.local.' } as const;
const SHOWN = 'server="dns://169.254.20.10:53",view="",zone="cluster.local."';

test('nothing is shown of a zone that nobody asked for', async () => {
  const catalogue = new Catalogue();
  zoneCounters(catalogue, LABELS);
  expect(await expose(catalogue)).not.toContain('coredns_dns_');
});

test('requests are counted by transport, family and type', async () => {
  const catalogue = new Catalogue();
  const counters = zoneCounters(catalogue, LABELS);
  counters.countRequest(PROTO_UDP, 4, 1, 50, false);
  counters.countRequest(PROTO_UDP, 4, 1, 60, true);
  counters.countRequest(PROTO_TCP, 4, 28, 70, false);
  const text = await expose(catalogue);
  expect(text).toContain(
    `coredns_dns_requests_total{family="1",proto="udp",${insert('type="A"')}} 2\n`,
  );
  expect(text).toContain(
    `coredns_dns_requests_total{family="1",proto="tcp",${insert('type="AAAA"')}} 1\n`,
  );
  expect(text).toContain(`coredns_dns_do_requests_total{${SHOWN}} 1\n`);
  expect(text).toContain(`coredns_dns_request_size_bytes_sum{proto="udp",${SHOWN}} 110\n`);
  expect(text).toContain(`coredns_dns_request_size_bytes_sum{proto="tcp",${SHOWN}} 70\n`);
});

/** SHOWN with a label between server and view. */
function insert(label: string): string {
  return SHOWN.replace(',view', `,${label},view`);
}

test.each([
  [64, 'other'],
  [65, 'HTTPS'],
  [255, 'ANY'],
  [256, 'other'],
  [65_535, 'other'],
  [0, 'other'],
])('type %d has the label %s', async (qtype, label) => {
  const catalogue = new Catalogue();
  zoneCounters(catalogue, LABELS).countRequest(PROTO_UDP, 4, qtype, 50, false);
  expect(await expose(catalogue)).toContain(insert(`type="${label}"`));
});

test('clients with an IPv6 address count as family 2', async () => {
  const catalogue = new Catalogue();
  const counters = zoneCounters(catalogue, LABELS);
  counters.countRequest(PROTO_UDP, 6, 1, 50, false);
  counters.countRequest(PROTO_TCP, 6, 1, 50, false);
  counters.countRequest(PROTO_TCP, 4, 1, 50, false);
  const text = await expose(catalogue);
  for (const way of [
    'family="1",proto="tcp"',
    'family="2",proto="tcp"',
    'family="2",proto="udp"',
  ]) {
    expect(text).toContain(`coredns_dns_requests_total{${way},${insert('type="A"')}} 1\n`);
  }
});

test('responses are counted by rcode and by the plugin that wrote them', async () => {
  const catalogue = new Catalogue();
  const counters = zoneCounters(catalogue, LABELS);
  counters.countResponse(PROTO_UDP, 0, 'cache', 120);
  counters.countResponse(PROTO_UDP, 3, 'cache', 90);
  counters.countResponse(PROTO_UDP, 3, 'template', 90);
  counters.countResponse(PROTO_UDP, 2, '', 0);
  counters.countResponse(PROTO_UDP, 12, '', 0);
  counters.countResponse(PROTO_UDP, 4095, '', 0);
  const text = await expose(catalogue);
  const lines = text.split('\n').filter((line) => line.startsWith('coredns_dns_responses_total{'));
  expect(lines).toEqual([
    `coredns_dns_responses_total{plugin="",rcode="RCODE12",${SHOWN}} 1`,
    `coredns_dns_responses_total{plugin="",rcode="RCODE31",${SHOWN}} 1`,
    `coredns_dns_responses_total{plugin="",rcode="SERVFAIL",${SHOWN}} 1`,
    `coredns_dns_responses_total{plugin="cache",rcode="NOERROR",${SHOWN}} 1`,
    `coredns_dns_responses_total{plugin="cache",rcode="NXDOMAIN",${SHOWN}} 1`,
    `coredns_dns_responses_total{plugin="template",rcode="NXDOMAIN",${SHOWN}} 1`,
  ]);
  expect(text).toContain(`coredns_dns_response_size_bytes_count{proto="udp",${SHOWN}} 6\n`);
});

test.each([
  [0, '0', '1'],
  [100, '0', '0'],
  [100, '100', '1'],
  [101, '100', '0'],
  [511, '511', '1'],
  [512, '511', '0'],
  [2047, '2047', '1'],
  [2048, '2047', '0'],
  [64_000, '64000', '1'],
  [65_535, '64000', '0'],
])('a message of %d octets and the bucket up to %s: %s', async (length, bound, count) => {
  const catalogue = new Catalogue();
  zoneCounters(catalogue, LABELS).countRequest(PROTO_UDP, 4, 1, length, false);
  expect(await expose(catalogue)).toContain(
    `coredns_dns_request_size_bytes_bucket{proto="udp",${SHOWN},le="${bound}"} ${count}\n`,
  );
});

test('hits and misses share the duration of the original and have one each of their own', async () => {
  const catalogue = new Catalogue();
  const counters = zoneCounters(catalogue, LABELS);
  zoneCounters(catalogue, { ...LABELS, zone: '.' }).countHitDurations(0.00002, 1);
  counters.countHitDurations(0.00002, 3);
  counters.countMissDuration(0.003);
  const text = await expose(catalogue);
  expect(text).toContain(`coredns_dns_request_duration_seconds_bucket{${SHOWN},le="0.00025"} 3\n`);
  expect(text).toContain(`coredns_dns_request_duration_seconds_count{${SHOWN}} 4\n`);
  expect(text).toContain('nodelocaldns_hit_duration_seconds_bucket{le="1e-05"} 0\n');
  expect(text).toContain('nodelocaldns_hit_duration_seconds_bucket{le="2.5e-05"} 4\n');
  expect(text).toContain(
    'nodelocaldns_miss_duration_seconds_bucket{zone="cluster.local.",le="0.005"} 1\n',
  );
});

test.each<[string, (counters: ZoneCounters) => void, string[]]>([
  [
    'the last kind of request',
    (counters) => counters.countRequest(PROTO_TCP, 6, 255, 65_535, false),
    ['coredns_dns_request_size_bytes_count{proto="tcp",', 'coredns_dns_requests_total{family="2",'],
  ],
  [
    'the first kind of request',
    (counters) => counters.countRequest(PROTO_UDP, 4, 0, 0, false),
    ['coredns_dns_request_size_bytes_count{proto="udp",', 'coredns_dns_requests_total{family="1",'],
  ],
  [
    'the last response of the cache',
    (counters) => counters.countResponse(PROTO_TCP, 31, 'cache', 65_535),
    [
      'coredns_dns_response_size_bytes_count{proto="tcp",',
      'coredns_dns_responses_total{plugin="cache",rcode="RCODE31",',
    ],
  ],
  [
    'the first response of the cache',
    (counters) => counters.countResponse(PROTO_UDP, 0, 'cache', 0),
    [
      'coredns_dns_response_size_bytes_count{proto="udp",',
      'coredns_dns_responses_total{plugin="cache",rcode="NOERROR",',
    ],
  ],
  [
    'the longest durations',
    (counters) => counters.countMissDuration(100),
    [
      'coredns_dns_request_duration_seconds_count{',
      'nodelocaldns_miss_duration_seconds_count{zone="cluster.local."',
    ],
  ],
  [
    'the shortest durations',
    (counters) => counters.countMissDuration(0),
    [
      'coredns_dns_request_duration_seconds_count{',
      'nodelocaldns_miss_duration_seconds_count{zone="cluster.local."',
    ],
  ],
])('%s: nothing else is counted for it', async (_what, count, expected) => {
  const catalogue = new Catalogue();
  count(zoneCounters(catalogue, LABELS));
  const lines = (await expose(catalogue)).split('\n');
  const counted = lines.filter((line) =>
    /^(coredns_dns|nodelocaldns_miss)\w+_(count|total)\{/.test(line),
  );
  expect(counted.map((line, i) => line.slice(0, expected[i]?.length))).toEqual(expected);
  expect(counted.filter((line) => !line.endsWith('} 1'))).toEqual([]);
});

test('sums are those of what was counted for them, whatever fills the buckets beside them', async () => {
  const catalogue = new Catalogue();
  const counters = zoneCounters(catalogue, LABELS);
  for (const [proto, length] of [
    [PROTO_UDP, 65_000],
    [PROTO_TCP, 65_535],
  ]) {
    counters.countRequest(proto, 6, 255, length, true);
    counters.countResponse(proto, 31, 'cache', length);
  }
  counters.countHitDurations(100, 2);
  counters.countMissDuration(50);
  const lines = (await expose(catalogue)).split('\n');
  const sums = lines.filter((line) => /^(coredns_dns|nodelocaldns_(hit|miss))\w+_sum/.test(line));
  expect(sums.map((line) => line.replace(/server=.*}/, '}'))).toEqual([
    'coredns_dns_request_duration_seconds_sum{} 250',
    'coredns_dns_request_size_bytes_sum{proto="tcp",} 65535',
    'coredns_dns_request_size_bytes_sum{proto="udp",} 65000',
    'coredns_dns_response_size_bytes_sum{proto="tcp",} 65535',
    'coredns_dns_response_size_bytes_sum{proto="udp",} 65000',
    'nodelocaldns_hit_duration_seconds_sum 200',
    'nodelocaldns_miss_duration_seconds_sum{zone="cluster.local."} 50',
  ]);
});

test('a reload goes on counting where it was', () => {
  const catalogue = new Catalogue();
  expect(zoneCounters(catalogue, LABELS)).toBe(zoneCounters(catalogue, { ...LABELS }));
});

test('counters that were not registered show nothing', async () => {
  const catalogue = new Catalogue();
  new ZoneCounters(LABELS).countRequest(PROTO_UDP, 4, 1, 50, false);
  expect(await expose(catalogue)).not.toContain('coredns_dns_requests_total');
});
