import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startDaemon } from '../helpers/running-daemon.ts';

/** What dashboards and alerts look at, and has a value after a hit, a miss and a name that is not there. */
const AFTER_LOAD = [
  'coredns_build_info',
  'coredns_cache_entries',
  'coredns_cache_hits_total',
  'coredns_cache_misses_total',
  'coredns_cache_requests_total',
  'coredns_dns_request_duration_seconds',
  'coredns_dns_request_size_bytes',
  'coredns_dns_requests_total',
  'coredns_dns_response_size_bytes',
  'coredns_dns_responses_total',
  'coredns_forward_healthcheck_broken_total',
  'coredns_forward_max_concurrent_rejects_total',
  'coredns_health_request_duration_seconds',
  'coredns_health_request_failures_total',
  'coredns_hosts_reload_timestamp_seconds',
  'coredns_nodecache_setup_errors_total',
  'coredns_panics_total',
  'coredns_plugin_enabled',
  'coredns_proxy_conn_cache_misses_total',
  'coredns_proxy_request_duration_seconds',
  'coredns_reload_failed_total',
  'process_cpu_seconds_total',
  'process_open_fds',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
];

async function startLoaded() {
  const daemon = await startDaemon();
  await daemon.ask('a.example', 'A');
  await daemon.ask('A.Example', 'A');
  await daemon.ask('a.example', 'A', { transport: 'tcp', do: true });
  await daemon.ask('nobody.example', 'AAAA');
  return daemon;
}

/** The value of one series, written as the exposition writes it. */
function seriesValue(exposition: string, series: string): number {
  const line = exposition.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
}

test('after some load everything has a value, and the documentation knows it all', async () => {
  const exposition = await (await startLoaded()).scrape();
  const names = [...exposition.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(names).toEqual(expect.arrayContaining(AFTER_LOAD));
  const documentation = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  expect(names.filter((name) => !documentation.includes(name))).toEqual([]);
});

test('queries, hits and misses are counted where they happened', async () => {
  const daemon = await startLoaded();
  const exposition = await daemon.scrape();
  const server = `server="dns://127.0.0.1:${daemon.ports.dns}"`;
  const cache = `${server},view="",zones="."`;
  const request = (proto: string, type: string) =>
    `coredns_dns_requests_total{family="1",proto="${proto}",${server},type="${type}",view="",zone="."}`;
  const hits = (type: string) =>
    `coredns_cache_hits_total{${server},type="${type}",view="",zones="."}`;
  const counted: Record<string, number> = {
    [request('udp', 'A')]: 2,
    [request('tcp', 'A')]: 1,
    [request('udp', 'AAAA')]: 1,
    [hits('success')]: 1,
    [`coredns_cache_misses_total{${cache}}`]: 3,
    [`coredns_cache_requests_total{${cache}}`]: 4,
    [`coredns_dns_do_requests_total{${server},view="",zone="."}`]: 1,
    [`coredns_dns_request_duration_seconds_count{${server},view="",zone="."}`]: 4,
  };
  for (const [series, value] of Object.entries(counted)) {
    expect(seriesValue(exposition, series), series).toBe(value);
  }
});

test('both ports show the same, whatever the Corefile says', async () => {
  const daemon = await startLoaded();
  const response = await fetch(`http://127.0.0.1:${daemon.ports.setupMetrics}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const exposition = await response.text();
  const miss = `coredns_cache_misses_total{server="dns://127.0.0.1:${daemon.ports.dns}",view="",zones="."}`;
  expect(seriesValue(exposition, miss)).toBe(3);
  expect(
    seriesValue(exposition, 'coredns_nodecache_setup_errors_total{errortype="iptables"}'),
  ).toBe(0);
  expect(seriesValue(exposition, 'promhttp_metric_handler_requests_in_flight')).toBe(1);
});
