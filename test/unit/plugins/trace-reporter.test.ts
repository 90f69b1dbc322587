import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { Log } from '../../../src/log/log.ts';
import { TraceReporter } from '../../../src/plugins/trace-reporter.ts';
import type { Span } from '../../../src/plugins/trace-span.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A collector that answers as `reply` does, and a reporter that sends the identifiers of spans. */
async function start(options: object, reply: (response: ServerResponse) => void) {
  const batches: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      batches.push(body);
      reply(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const lines: string[] = [];
  const reporter = new TraceReporter(
    {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      maxBacklog: 4,
      maxBatch: 2,
      batchIntervalMs: 1000,
      ...options,
    },
    {
      encode: (spans) => ({ headers: {}, body: spans.map(({ id }) => id).join(',') }),
      log: new Log((line) => lines.push(line)),
    },
  );
  stops.push(() => reporter.stop());
  const report = (...ids: string[]) => {
    for (const id of ids) reporter.report({ id } as Span);
  };
  return { reporter, report, batches, lines };
}

test('spans wait for the interval, unless a batch is full', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { report, batches } = await start({}, (response) => response.end());
  report('a');
  vi.advanceTimersByTime(999);
  expect(batches).toEqual([]);
  vi.advanceTimersByTime(1);
  await vi.waitFor(() => expect(batches).toEqual(['a']));
  report('b', 'c');
  vi.advanceTimersByTime(0);
  await vi.waitFor(() => expect(batches).toEqual(['a', 'b,c']));
});

test('when the collector is slow the oldest spans are dropped', async () => {
  const replies: ServerResponse[] = [];
  const { report, batches } = await start({}, (response) => replies.push(response));
  report('a', 'b');
  await vi.waitFor(() => expect(replies).toHaveLength(1));
  report('c', 'd', 'e', 'f', 'g', 'h');
  replies[0].end();
  await vi.waitFor(() => expect(replies).toHaveLength(2));
  replies[1].end();
  await vi.waitFor(() => expect(batches).toEqual(['a,b', 'e,f', 'g,h']));
  replies[2].end();
});

test('a collector that refuses is reported once', async () => {
  const { report, batches, lines } = await start({ batchIntervalMs: 10 }, (response) => {
    response.statusCode = 503;
    response.end();
  });
  report('a', 'b', 'c', 'd');
  await vi.waitFor(() => expect(batches).toHaveLength(2));
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toMatch(/^\[WARNING\] sending spans to http:.*: Error: status 503$/);
});

test('the last spans are sent at the end', async () => {
  const { reporter, report, batches } = await start({}, (response) => response.end());
  report('a');
  await reporter.stop();
  expect(batches).toEqual(['a']);
});

test('a collector that never answers does not hold up the end for long', async () => {
  const { reporter, report } = await start({}, () => {});
  report('a');
  const startMs = performance.now();
  await reporter.stop();
  expect(performance.now() - startMs).toBeLessThan(3000);
});
