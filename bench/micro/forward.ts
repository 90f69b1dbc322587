/**
 * CPU time of one forwarded query, over TCP and UDP: the engine alone, without server and cache.
 *
 *   node bench/micro/forward.ts [QUERIES]
 *
 * The upstream is a process of its own that turns queries into answers in place. With two cores,
 * pin both: `taskset -c 0 node bench/micro/forward.ts` puts the upstream on core 1.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import packet from 'dns-packet';
import { Query } from '../../src/dns/query.ts';
import { QueryView } from '../../src/dns/query-view.ts';
import { newForwardCounters } from '../../src/forward/forward-counters.ts';
import { Forwarder } from '../../src/forward/forwarder.ts';
import { Upstream } from '../../src/forward/upstream.ts';
import { UpstreamCounters } from '../../src/forward/upstream-counters.ts';
import { monotonicClock } from '../../src/log/clock.ts';

const QUERIES = Number(process.argv[2] ?? 100_000);
/** Queries under way at once, as dnsperf -q has them. */
const WINDOW = 100;
/** Queries that a batch of datagrams brings in one turn. */
const BATCH = 32;

const echo = new URL('forward-echo.ts', import.meta.url).pathname;
const child = spawn('taskset', ['-c', '1', process.execPath, echo], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = await once(child.stdout, 'data');
const port = Number(line);

for (const transport of ['tcp', 'udp', 'tcp', 'udp'] as const) {
  const before = process.cpuUsage();
  const startMs = performance.now();
  const failures = await run(transport);
  const used = process.cpuUsage(before);
  const microseconds = (used.user + used.system) / QUERIES;
  const rate = QUERIES / ((performance.now() - startMs) / 1000);
  console.log(
    `${transport}: ${microseconds.toFixed(1)} µs of CPU per query, ${rate.toFixed(0)}/s, ${failures} failed`,
  );
}
child.kill();
process.exit();

/** Forwards QUERIES queries and resolves to how many got no answer. */
function run(transport: 'udp' | 'tcp'): Promise<number> {
  const upstream = new Upstream(
    {
      target: { address: '127.0.0.1', port, sourceAddress: '', tls: null },
      limits: { kept: 2, idleMs: 10_000, maxAgeMs: 60_000 },
      healthCheck: { intervalMs: 500, recursionDesired: true, domain: '.' },
      checkOverTcp: false,
    },
    { clock: monotonicClock, counters: new UpstreamCounters() },
  );
  const forwarder = new Forwarder(
    {
      policy: 'random',
      forceTcp: transport === 'tcp',
      preferUdp: transport === 'udp',
      randomizeCase: false,
      maxFails: 2,
      maxConcurrent: 0,
      maxConnectAttempts: 0,
      failFast: false,
      failover: new Set(),
      sendsPerUpstream: 0,
      retryCeilingMs: 2000,
      silenceMs: 1900,
      deadlineMs: 5000,
    },
    [upstream],
    { clock: monotonicClock, counters: newForwardCounters() },
  );
  const messages = Array.from({ length: 1000 }, (_, i) => encode(`name-${i}.bench.test`));
  const view = new QueryView();
  const client = {
    transport,
    family: 4 as const,
    address: '192.0.2.7',
    port: 40_000,
    localAddress: '169.254.20.10',
    localPort: 53,
    send: () => {},
  };
  return new Promise((resolve) => {
    let sent = 0;
    let ended = 0;
    let failures = 0;
    let isDue = false;
    const fill = () => {
      isDue = false;
      for (let i = 0; i < BATCH && sent < QUERIES && sent - ended < WINDOW; i++) {
        const message = messages[sent++ % messages.length];
        view.read(message, 0, message.length);
        const context = { client, zone: '.', server: '', nowMs: 0 };
        forwarder.forward(new Query(view, message, 0, context), (answer) => {
          if (answer === null) failures++;
          if (++ended === QUERIES) void upstream.stop().then(() => resolve(failures));
          else if (!isDue && sent - ended < WINDOW - BATCH) {
            isDue = true;
            setImmediate(fill);
          }
        });
      }
      if (sent < QUERIES && sent - ended < WINDOW && !isDue) {
        isDue = true;
        setImmediate(fill);
      }
    };
    fill();
  });
}

function encode(name: string): Buffer {
  return packet.encode({
    type: 'query',
    id: 1,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type: 'A' }],
  });
}
