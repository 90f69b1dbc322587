import { Gauge, Histogram as NodeHistogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose, goNumber } from '../../../src/metrics/exposition.ts';
import { Histogram } from '../../../src/metrics/histogram.ts';

const SERVER = 'dns://169.254.20.10:53';

/** The lines of one metric, its head included. */
async function linesOf(catalogue: Catalogue, name: string): Promise<string[]> {
  const text = await expose(catalogue);
  expect(text.endsWith('\n')).toBe(true);
  return text.split('\n').filter((line) => line.startsWith(name) || line.includes(` ${name} `));
}

test('a metric without labels is there with 0 before anyone counts', async () => {
  expect(await linesOf(new Catalogue(), 'coredns_panics_total')).toEqual([
    '# HELP coredns_panics_total A metrics that counts the number of panics.',
    '# TYPE coredns_panics_total counter',
    'coredns_panics_total 0',
  ]);
});

test('a metric without labels whose source has nothing to say has no line', async () => {
  const catalogue = new Catalogue();
  catalogue.source('process_open_fds', () => {});
  expect(await linesOf(catalogue, 'process_open_fds')).toEqual([]);
});

test('a metric with labels has no line at all before its first use', async () => {
  expect(await linesOf(new Catalogue(), 'coredns_dns_requests_total')).toEqual([]);
});

test('labels stand in the order of their names, series in the order of their labels', async () => {
  const catalogue = new Catalogue();
  catalogue.source('coredns_cache_hits_total', (emit) => {
    emit({ zones: '.', type: 'success', server: SERVER, view: '' }, 21);
    emit({ zones: '.', type: 'denial', server: SERVER, view: '' }, 2);
  });
  expect((await linesOf(catalogue, 'coredns_cache_hits_total')).slice(2)).toEqual([
    `coredns_cache_hits_total{server="${SERVER}",type="denial",view="",zones="."} 2`,
    `coredns_cache_hits_total{server="${SERVER}",type="success",view="",zones="."} 21`,
  ]);
});

test('a histogram has cumulative buckets with le as the last label, a sum and a count', async () => {
  const catalogue = new Catalogue();
  const durations = new Histogram([0.00025, 0.0005, 16_000]);
  durations.observeMany(0.0001, 3);
  durations.observe(0.0005);
  durations.observe(20_000);
  catalogue.source('coredns_proxy_request_duration_seconds', (emit) =>
    emit({ proxy_name: 'forward', to: '10.96.0.50:53', rcode: 'NOERROR' }, durations),
  );
  const labels = 'proxy_name="forward",rcode="NOERROR",to="10.96.0.50:53"';
  const name = 'coredns_proxy_request_duration_seconds';
  expect((await linesOf(catalogue, name)).slice(2)).toEqual([
    `${name}_bucket{${labels},le="0.00025"} 3`,
    `${name}_bucket{${labels},le="0.0005"} 4`,
    `${name}_bucket{${labels},le="16000"} 4`,
    `${name}_bucket{${labels},le="+Inf"} 5`,
    `${name}_sum{${labels}} 20000.0008`,
    `${name}_count{${labels}} 5`,
  ]);
});

test('a histogram without labels has only le', async () => {
  expect((await linesOf(new Catalogue(), 'coredns_health_request_duration_seconds'))[2]).toBe(
    'coredns_health_request_duration_seconds_bucket{le="0.00025"} 0',
  );
});

test('samples with equal labels are added up, and the sources stay as they are', async () => {
  const catalogue = new Catalogue();
  const first = new Histogram([1]);
  const second = new Histogram([1]);
  first.observe(0.5);
  second.observe(2);
  for (const histogram of [first, second]) {
    catalogue.source('nodelocaldns_miss_duration_seconds', (emit) =>
      emit({ zone: '.' }, histogram),
    );
  }
  for (let scrape = 0; scrape < 2; scrape++) {
    expect(await expose(catalogue)).toContain(
      [
        'nodelocaldns_miss_duration_seconds_bucket{zone=".",le="1"} 1',
        'nodelocaldns_miss_duration_seconds_bucket{zone=".",le="+Inf"} 2',
        'nodelocaldns_miss_duration_seconds_sum{zone="."} 2.5',
        'nodelocaldns_miss_duration_seconds_count{zone="."} 2',
      ].join('\n'),
    );
  }
  expect(first.total).toBe(1);
});

test('quotes, backslashes and line ends in labels are escaped', async () => {
  const catalogue = new Catalogue();
  catalogue.source('coredns_hosts_entries', (emit) => emit({ hostsfile: 'a"b\\c\nd' }, 1));
  expect(await expose(catalogue)).toContain(
    'coredns_hosts_entries{hostsfile="a\\"b\\\\c\\nd"} 1\n',
  );
});

test("prom-client's own metrics are written in the same way", async () => {
  const catalogue = new Catalogue();
  catalogue.registry = new Registry();
  const registers = [catalogue.registry];
  new Gauge({ name: 'nodejs_test_bytes', help: 'A gauge.', registers }).set(1_048_576);
  new NodeHistogram({
    name: 'nodejs_test_seconds',
    help: 'A histogram.',
    labelNames: ['kind'],
    buckets: [0.1],
    registers,
  }).observe({ kind: 'minor' }, 0.05);
  const text = await expose(catalogue);
  expect(text).toContain(
    '# HELP nodejs_test_bytes A gauge.\n# TYPE nodejs_test_bytes gauge\nnodejs_test_bytes 1.048576e+06\n',
  );
  expect(text).toContain(
    [
      'nodejs_test_seconds_bucket{kind="minor",le="0.1"} 1',
      'nodejs_test_seconds_bucket{kind="minor",le="+Inf"} 1',
      'nodejs_test_seconds_sum{kind="minor"} 0.05',
      'nodejs_test_seconds_count{kind="minor"} 1',
    ].join('\n'),
  );
});

test('metrics stand in the order of their names', async () => {
  const text = await expose(new Catalogue());
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(names).toEqual(names.toSorted());
  expect(names.length).toBeGreaterThan(10);
});

test('a source that was taken away is not read any more', async () => {
  const catalogue = new Catalogue();
  const remove = catalogue.source('coredns_hosts_entries', (emit) => emit({ hostsfile: 'x' }, 1));
  remove();
  expect(await linesOf(catalogue, 'coredns_hosts_entries')).toEqual([]);
});

test.each([
  [0, '0'],
  [42, '42'],
  [999_999, '999999'],
  [1_000_000, '1e+06'],
  [1_048_576, '1.048576e+06'],
  [1_760_000_000.12, '1.76000000012e+09'],
  [2 ** 64, '1.8446744073709552e+19'],
  [0.00025, '0.00025'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [0.000041, '4.1e-05'],
  [1e-12, '1e-12'],
  [1e100, '1e+100'],
  [-1.5, '-1.5'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
  [Number.NaN, 'NaN'],
])('%d is spelled %s', (value, text) => {
  expect(goNumber(value)).toBe(text);
});

test('others have their turn while it is written', async () => {
  const catalogue = new Catalogue();
  for (const name of ['coredns_panics_total', 'process_open_fds', 'go_goroutines'] as const) {
    catalogue.source(name, () => {
      const endMs = performance.now() + 2;
      while (performance.now() < endMs);
    });
  }
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await expose(catalogue);
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(3);
});
