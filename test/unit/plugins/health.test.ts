import { createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { expose } from '../../../src/metrics/exposition.ts';
import { ListenError } from '../../../src/metrics/http-server.ts';
import { health } from '../../../src/plugins/health.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { freePort } from '../../helpers/free-port.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const stop of stops.splice(0)) await stop();
});

test('without options it is at :8080 and no lame duck', () => {
  expect(parseWith(health, 'health')).toEqual({
    address: { host: '', port: 8080, text: ':8080' },
    lameduckMs: 0,
    readTimeoutMs: 5000,
    writeTimeoutMs: 5000,
    idleTimeoutMs: 5000,
  });
});

test('options are read', () => {
  const text = 'health 127.0.0.1:8091 {\n lameduck 1.5s\n read 2s\n write 3s\n idle 1m\n}';
  expect(parseWith(health, text)).toMatchObject({
    address: { host: '127.0.0.1', port: 8091 },
    lameduckMs: 1500,
    readTimeoutMs: 2000,
    writeTimeoutMs: 3000,
    idleTimeoutMs: 60_000,
  });
});

test.each([
  ['health 8080', 'argument-value'],
  ['health :8080 :8081', 'argument-count'],
  ['health {\n lameduck\n}', 'argument-count'],
  ['health {\n lameduck 5\n}', 'argument-value'],
  ['health {\n lameduck -1s\n}', 'argument-value'],
  ['health {\n read 1ms\n}', 'argument-value'],
  ['health {\n swim 5s\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(health, text)).toBe(code);
});

/** Starts `health` as a block does. */
async function start(text: string) {
  const made = makeContext();
  health.service?.(parseWith(health, text), made.context);
  await made.generation.start();
  stops.push(() => made.generation.stop());
  return made;
}

test('/health says OK, and nothing else is there', async () => {
  const port = await freePort();
  await start(`health 127.0.0.1:${port}`);
  const answer = await fetch(`http://127.0.0.1:${port}/health`);
  expect([answer.status, await answer.text()]).toEqual([200, 'OK']);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${port}/health`, { method: 'POST' })).status).toBe(405);
});

test('a port that another program keeps for itself is a fatal error with advice', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  stops.push(() => other.close());
  const { port } = other.address() as { port: number };
  const failure = await start(`health 127.0.0.1:${port}`).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ListenError);
  expect((failure as ListenError).code).toBe('address-in-use');
  expect((failure as ListenError).message).toContain(`port ${port} is in use`);
});

test('a second instance starts on the same port', async () => {
  const port = await freePort();
  await start(`health 127.0.0.1:${port}`);
  await start(`health 127.0.0.1:${port}`);
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
});

test('it asks itself once a second and counts how long that took', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { context } = await start(`health 127.0.0.1:${await freePort()}`);
  for (let second = 1; second <= 2; second++) {
    vi.advanceTimersByTime(1000);
    await vi.waitFor(async () =>
      expect(await expose(context.catalogue)).toContain(
        `coredns_health_request_duration_seconds_count ${second}\n`,
      ),
    );
  }
  expect(await expose(context.catalogue)).toContain('coredns_health_request_failures_total 0\n');
});

test('a slow answer to itself is worth a warning', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const times = [0, 1500];
  const port = await freePort();
  const { context, generation, lines } = makeContext({
    clock: { nowMs: () => times.shift() ?? 1500 },
  });
  health.service?.(parseWith(health, `health 127.0.0.1:${port}`), context);
  await generation.start();
  stops.push(() => generation.stop());
  vi.advanceTimersByTime(1000);
  await vi.waitFor(() =>
    expect(lines).toEqual([
      `[WARNING] plugin/health: Local health request to "http://127.0.0.1:${port}/health" took more than 1s: 1.5s`,
    ]),
  );
});

test('a lame duck goes on answering for its time', async () => {
  const port = await freePort();
  const { generation, lines } = await start(`health 127.0.0.1:${port} {\n lameduck 5s\n}`);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let isOver = false;
  const waiting = generation.beforeShutdown().then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(4999);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await waiting;
  expect(isOver).toBe(true);
  expect(lines).toEqual(['[INFO] plugin/health: Going into lameduck mode for 5s']);
  vi.useRealTimers();
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
});
