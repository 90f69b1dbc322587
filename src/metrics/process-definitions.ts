/** Metrics of the process and of its metrics page, under the names of Go's client library (spec §6.4). */
import type { Definition } from './definitions.ts';

export const PROCESS_DEFINITIONS = {
  process_cpu_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Total user and system CPU time spent in seconds.',
  },
  process_open_fds: { type: 'gauge', labels: [], help: 'Number of open file descriptors.' },
  process_max_fds: { type: 'gauge', labels: [], help: 'Maximum number of open file descriptors.' },
  process_virtual_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Virtual memory size in bytes.',
  },
  process_virtual_memory_max_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Maximum amount of virtual memory available in bytes.',
  },
  process_resident_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Resident memory size in bytes.',
  },
  process_start_time_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Start time of the process since unix epoch in seconds.',
  },
  process_network_receive_bytes_total: {
    type: 'counter',
    labels: [],
    help: 'Number of bytes received by the process over the network.',
  },
  process_network_transmit_bytes_total: {
    type: 'counter',
    labels: [],
    help: 'Number of bytes sent by the process over the network.',
  },
  go_goroutines: {
    type: 'gauge',
    labels: [],
    help: 'Number of things in progress: open handles, timers and requests of the event loop.',
  },
  nodejs_heap_size_total_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Process heap size from Node.js in bytes.',
  },
  nodejs_heap_size_used_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Process heap size used from Node.js in bytes.',
  },
  nodejs_external_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Node.js external memory size in bytes.',
  },
  promhttp_metric_handler_requests_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Total number of scrapes by HTTP status code.',
  },
  promhttp_metric_handler_requests_in_flight: {
    type: 'gauge',
    labels: [],
    help: 'Current number of scrapes being served.',
  },
} as const satisfies Record<string, Definition>;
