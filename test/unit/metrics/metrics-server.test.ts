import { createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { Log } from '../../../src/log/log.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { MetricsServer } from '../../../src/metrics/metrics-server.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const stop of stops.splice(0)) await stop();
});

function makeServer({ port = 0, countScrapes = false, catalogue = new Catalogue() } = {}) {
  const lines: string[] = [];
  const server = new MetricsServer(
    { purpose: 'metrics', host: '127.0.0.1', port, countScrapes },
    { catalogue, log: new Log((line) => lines.push(line)) },
  );
  stops.push(() => server.stop());
  return { server, lines };
}

test('the text is that of format 0.0.4', async () => {
  const { server } = makeServer();
  await server.start();
  const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await answer.text()).toContain('\ncoredns_panics_total 0\n');
});

test.each([
  ['gzip', 'gzip'],
  ['deflate, gzip;q=0.5', 'gzip'],
  ['gzip;q=0', null],
  ['identity', null],
])('Accept-Encoding: %s gives %s', async (accepted, coding) => {
  const { server } = makeServer();
  await server.start();
  const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`, {
    headers: { 'accept-encoding': accepted },
  });
  expect(answer.headers.get('content-encoding')).toBe(coding);
  expect(await answer.text()).toContain('\ncoredns_panics_total 0\n');
});

test('scrapes are counted where that is wanted, after they are done', async () => {
  const { server } = makeServer({ countScrapes: true });
  await server.start();
  const scrape = async () => (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const first = await scrape();
  expect(first).toContain('promhttp_metric_handler_requests_in_flight 1\n');
  for (const code of [200, 500, 503]) {
    expect(first).toContain(`promhttp_metric_handler_requests_total{code="${code}"} 0\n`);
  }
  expect(await scrape()).toContain('promhttp_metric_handler_requests_total{code="200"} 1\n');
});

test('a scrape that fails says why and is counted', async () => {
  const catalogue = new Catalogue();
  const { server } = makeServer({ countScrapes: true, catalogue });
  await server.start();
  const remove = catalogue.source('coredns_hosts_entries', () => {
    throw new Error('no number');
  });
  const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  expect([answer.status, await answer.text()]).toEqual([
    500,
    'answering /metrics: Error: no number\n',
  ]);
  remove();
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  expect(text).toContain('promhttp_metric_handler_requests_total{code="500"} 1\n');
});

test('a port that is taken stops nothing, and is tried again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const { server, lines } = makeServer({ port });
  await server.start();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`[ERROR] metrics cannot be read here: listening on 127.0.0.1:${port}`);
  await new Promise((resolve) => other.close(resolve));
  vi.advanceTimersByTime(10_000);
  await vi.waitFor(() => expect(lines[1]).toBe(`[INFO] metrics can be read on port ${port} now`));
  vi.useRealTimers();
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
});

test('it is not tried again after the end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  stops.push(() => other.close());
  const { server } = makeServer({ port: (other.address() as { port: number }).port });
  await server.start();
  expect(vi.getTimerCount()).toBe(1);
  await server.stop();
  expect(vi.getTimerCount()).toBe(0);
});
