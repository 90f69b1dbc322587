/**
 * What the kernel and Node.js say about this process. All of it is read during a scrape; at rest
 * it costs nothing. What cannot be read is left out.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { idleTime } from '../log/idle-time.ts';
import type { Catalogue } from './catalogue.ts';
import type { MetricName } from './definitions.ts';

/** What Go's client library shows for a limit that there is not: 2⁶⁴ − 1, rounded. */
const UNLIMITED = 2 ** 64;

/** The place in /proc/self/stat behind the name of the program (proc_pid_stat(5), counted from 0). */
const STAT_VIRTUAL_BYTES = 20;

/** What a file says holds for so long: for one scrape, in which several metrics come from it. */
const FRESH_MS = 5;

/**
 * Of prom-client's metrics those that cost nothing between scrapes and say what no other does. Those of
 * the heap are read here: process.memoryUsage(), which it asks, takes far longer.
 */
const KEPT_NODE_METRICS: ReadonlySet<string> = new Set([
  'nodejs_version_info',
  'nodejs_gc_duration_seconds',
]);

/** prom-client starts a sampling timer that nothing here reads: it is to fire as good as never. */
const NEVER_MS = 2 ** 31 - 1;

/** Shows process_*, the heap, go_goroutines and the load of the event loop. */
export function showProcess(catalogue: Catalogue): void {
  for (const [name, read] of Object.entries(READERS) as [MetricName, () => number][]) {
    catalogue.source(name, (emit) => {
      const value = orNaN(read);
      if (Number.isFinite(value)) emit({}, value);
    });
  }
}

/** Shows what prom-client knows of Node.js. Apart, since loading it takes 10 ms of a start. */
export async function showNode(catalogue: Catalogue): Promise<void> {
  const { collectDefaultMetrics, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const { name } of registry.getMetricsAsArray()) {
    if (!KEPT_NODE_METRICS.has(name)) registry.removeSingleMetric(name);
  }
  catalogue.registry = registry;
}

/** Each gives a number, or NaN, or throws when its source is not there. */
const READERS = {
  process_cpu_seconds_total: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
  process_virtual_memory_bytes: () => readStat()[STAT_VIRTUAL_BYTES],
  process_resident_memory_bytes: () => process.memoryUsage.rss(),
  // /proc/stat, where Go takes the time of the boot from, takes milliseconds to read.
  process_start_time_seconds: () => performance.timeOrigin / 1000,
  process_open_fds: () => readdirSync('/proc/self/fd').length,
  process_max_fds: () => readLimit('Max open files'),
  process_virtual_memory_max_bytes: () => readLimit('Max address space'),
  process_network_receive_bytes_total: () => readNetwork('InOctets'),
  process_network_transmit_bytes_total: () => readNetwork('OutOctets'),
  nodejs_heap_size_total_bytes: () => getHeapStatistics().total_heap_size,
  nodejs_heap_size_used_bytes: () => getHeapStatistics().used_heap_size,
  nodejs_external_memory_bytes: () => getHeapStatistics().external_memory,
  go_goroutines: () => process.getActiveResourcesInfo().length,
  nodelocaldns_event_loop_busy_seconds_total: () =>
    (performance.eventLoopUtilization().active - idleTime.milliseconds) / 1000,
} as const satisfies Partial<Record<MetricName, () => number>>;

const readLimits = freshFile('/proc/self/limits');
const readNetstat = freshFile('/proc/self/net/netstat');

function orNaN(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}

/** The numbers of /proc/self/stat that follow the name of the program and stand after it. */
function readStat(): number[] {
  const text = readFileSync('/proc/self/stat', 'latin1');
  // The name may hold spaces and brackets itself: the last bracket ends it.
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}

/** A soft limit of /proc/self/limits. */
function readLimit(name: string): number {
  const soft = new RegExp(`^${name} +(\\S+)`, 'm').exec(readLimits())?.[1];
  return soft === 'unlimited' ? UNLIMITED : Number(soft);
}

/** A field of the line pair `IpExt:` in the statistics of the network namespace. */
function readNetwork(field: string): number {
  const text = readNetstat();
  const [names, values] = text
    .slice(text.indexOf('IpExt:'))
    .split('\n', 2)
    .map((line) => line.split(' '));
  return Number(values[names.indexOf(field)]);
}

/** Reads a file anew when what it said last is older than FRESH_MS. Throws when it cannot be read. */
function freshFile(path: string): () => string {
  let text = '';
  let readAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - readAtMs > FRESH_MS) {
      text = readFileSync(path, 'latin1');
      readAtMs = nowMs;
    }
    return text;
  };
}
