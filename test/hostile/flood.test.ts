/** One client asks for 20,000 random names a second. The others must not notice much. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { NODE } from '../helpers/daemon-process.ts';
import { freePort } from '../helpers/free-port.ts';
import { startDaemon } from '../helpers/running-daemon.ts';
import { askSteadily, percentile, type Steady } from './harness/steady-client.ts';

const FLOODER = '127.0.0.2';
const FLOOD_PER_SECOND = 20_000;
const FLOOD_SECONDS = 6;
/**
 * The bar is twice the quiet latency, on a machine with a processor to spare. Where tests, flood and
 * upstream share two with other work, the scheduler decides: this is what no limit at all exceeds.
 */
const MAX_HIT_P50_MS = 500;
const MAX_LOST = 0.02;

test('a flood of misses from one client leaves the others their answers', {
  retry: 2,
  timeout: 60_000,
}, async () => {
  const upstreamPort = await freePort();
  await startUpstream(upstreamPort);
  const daemon = await startDaemon({
    corefile: `.:{PORT} {
    bind 127.0.0.1
    errors
    cache 30
    prometheus 127.0.0.1:{METRICS}
    forward . 127.0.0.1:${upstreamPort}
}
`,
  });
  const port = daemon.ports.dns;
  const hits = (seconds: number) =>
    askSteadily({
      address: '127.0.0.3',
      port,
      perSecond: 200,
      seconds,
      name: (i) => `n${i % 100}.test`,
    });
  const misses = (seconds: number) =>
    askSteadily({
      address: '127.0.0.4',
      port,
      perSecond: 50,
      seconds,
      name: () => `m${process.hrtime.bigint()}.test`,
    });
  await hits(1);
  const quiet = await hits(2);

  const flood = startScript('flood.ts', [FLOODER, port, FLOOD_PER_SECOND, FLOOD_SECONDS]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const [hit, miss] = await Promise.all([hits(3), misses(3)]);
  const [floodReport] = await once(flood.stdout ?? flood, 'data');
  const metrics = await daemon.scrape();

  console.log(
    `quiet hits ${show(quiet)}; beside the flood: hits ${show(hit)}, misses ${show(miss)}`,
  );
  console.log(`flood: ${String(floodReport).trim()}`);
  // Nobody else was refused, and nothing of theirs failed.
  expect(Object.keys(hit.rcodes)).toEqual(['0']);
  expect(Object.keys(miss.rcodes)).toEqual(['3']);
  expect(hit.lost + miss.lost).toBeLessThanOrEqual(MAX_LOST * 750);
  expect(percentile(hit.latenciesMs, 50)).toBeLessThan(MAX_HIT_P50_MS);
  const refused = Number(/throttled_total\{reason="processor"\} (\d+)/.exec(metrics)?.[1]);
  expect(refused).toBeGreaterThan(0);
  const lines = daemon.process.output
    .split('\n')
    .filter((line) => line.includes('refusing queries'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(FLOODER);
});

function show({ latenciesMs, lost }: Steady): string {
  const [p50, p99] = [50, 99].map((percent) => percentile(latenciesMs, percent).toFixed(2));
  return `p50 ${p50} ms, p99 ${p99} ms, ${lost} lost`;
}

async function startUpstream(port: number): Promise<void> {
  const upstream = startScript('quick-upstream.ts', [port]);
  await once(upstream.stdout ?? upstream, 'data');
}

/** A script of the harness as a process of its own, gone when the test is over. */
function startScript(name: string, args: readonly (string | number)[]): ChildProcess {
  const path = new URL(`harness/${name}`, import.meta.url).pathname;
  const child = spawn(NODE, [path, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  return child;
}
