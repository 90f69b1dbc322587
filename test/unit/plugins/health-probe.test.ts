import { createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { monotonicClock } from '../../../src/log/clock.ts';
import { Log } from '../../../src/log/log.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { HealthProbe, healthCounts } from '../../../src/plugins/health-probe.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const stop of stops.splice(0)) stop();
});

test('a request that is cut off is a failure, counted once and logged', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => server.close());
  const { port } = server.address() as { port: number };
  const lines: string[] = [];
  const counts = healthCounts(new Catalogue());
  const probe = new HealthProbe(
    { address: { host: '127.0.0.1', port, text: '127.0.0.1:1' } },
    { counts, clock: monotonicClock, log: new Log((line) => lines.push(line)) },
  );
  probe.start(port);
  stops.push(() => probe.stop());
  vi.advanceTimersByTime(1000);
  await vi.waitFor(() => expect(counts.failures).toBe(1));
  expect(counts.durations.total).toBe(1);
  expect(lines).toEqual([
    '[WARNING] Local health request to "http://127.0.0.1:1/health" failed: socket hang up',
  ]);
});

test('all probes of a process count together', () => {
  const catalogue = new Catalogue();
  expect(healthCounts(catalogue)).toBe(healthCounts(catalogue));
});
