/** What a daemon holds, as its metrics tell it, and whether that has grown. */

export interface Vitals {
  readonly residentMib: number;
  readonly heapMib: number;
  readonly descriptors: number;
  /** Handles, timers and requests that are open. */
  readonly handles: number;
  readonly tcpConnections: number;
  readonly waiting: number;
}

/** What may be more at the end: V8 takes its time to give memory back; a timer may just be running. */
const ALLOWED: Vitals = {
  residentMib: 16,
  heapMib: 10,
  descriptors: 2,
  handles: 3,
  tcpConnections: 0,
  waiting: 0,
};

export function readVitals(metrics: string): Vitals {
  const sum = (name: string) =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  const mib = (name: string) => Math.round(sum(name) / (1 << 20));
  return {
    residentMib: mib('process_resident_memory_bytes'),
    heapMib: mib('nodejs_heap_size_used_bytes'),
    descriptors: sum('process_open_fds'),
    handles: sum('go_goroutines'),
    tcpConnections: sum('nodelocaldns_tcp_connections'),
    waiting: sum('nodelocaldns_misses_waiting'),
  };
}

/** A text for each value that is higher than it may be. */
export function findGrowth(before: Vitals, after: Vitals): string[] {
  return (Object.keys(ALLOWED) as (keyof Vitals)[])
    .filter((name) => after[name] > before[name] + ALLOWED[name])
    .map((name) => `${name} from ${before[name]} to ${after[name]}`);
}
