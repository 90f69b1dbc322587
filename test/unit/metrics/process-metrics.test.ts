import { beforeAll, expect, test } from 'vitest';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import { showNode, showProcess } from '../../../src/metrics/process-metrics.ts';

const catalogue = new Catalogue();
let text = '';
beforeAll(async () => {
  showProcess(catalogue);
  await showNode(catalogue);
  text = await expose(catalogue);
});

/** The value of a metric without labels. */
function readValue(name: string): number {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? Number.NaN : Number(value);
}

test('the start is that of this process', () => {
  const startedSeconds = Date.now() / 1000 - process.uptime();
  expect(Math.abs(readValue('process_start_time_seconds') - startedSeconds)).toBeLessThan(3);
});

test('processor time is what getrusage says', () => {
  const { user, system } = process.cpuUsage();
  expect(Math.abs(readValue('process_cpu_seconds_total') - (user + system) / 1e6)).toBeLessThan(
    0.5,
  );
});

test('memory is what the process uses', () => {
  const rss = readValue('process_resident_memory_bytes');
  expect(Math.abs(rss - process.memoryUsage.rss()) / rss).toBeLessThan(0.5);
  expect(readValue('process_virtual_memory_bytes')).toBeGreaterThan(rss);
});

test.each([
  'process_open_fds',
  'process_max_fds',
  'process_virtual_memory_max_bytes',
  'process_network_receive_bytes_total',
  'process_network_transmit_bytes_total',
  'go_goroutines',
  'nodelocaldns_event_loop_busy_seconds_total',
])('%s has a sensible value', (name) => {
  expect(readValue(name)).toBeGreaterThanOrEqual(name.includes('network') ? 0 : 0.0001);
});

test('of prom-client only what costs nothing at rest is shown, and nothing twice', () => {
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => name.startsWith('nodejs_'))).toEqual(
    expect.arrayContaining([
      'nodejs_external_memory_bytes',
      'nodejs_heap_size_total_bytes',
      'nodejs_heap_size_used_bytes',
      'nodejs_version_info',
    ]),
  );
  expect(text).not.toContain('eventloop_lag');
  expect(text).not.toContain('heap_space');
  expect(text).toContain(`nodejs_version_info{major="${process.versions.node.split('.')[0]}",`);
});
