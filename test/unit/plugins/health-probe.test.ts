import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { Log } from '../../../src/log/log.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { HealthProbe, healthCounts } from '../../../src/plugins/health-probe.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const stop of stops.splice(0)) stop();
});

/** A probe of a server that does with each connection as `serve` says; `tick` lets a second pass. */
async function start(serve: (socket: Socket) => void) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const lines: string[] = [];
  const counts = healthCounts(new Catalogue());
  let nowMs = 0;
  const probe = new HealthProbe(
    { address: { host: '127.0.0.1', port: 1, text: '127.0.0.1:1' } },
    { counts, clock: { nowMs: () => nowMs }, log: new Log((line) => lines.push(line)) },
  );
  probe.start((server.address() as AddressInfo).port);
  stops.push(() => probe.stop());
  const tick = () => {
    nowMs += 1000;
    vi.advanceTimersByTime(1000);
  };
  return { counts, lines, probe, sockets, tick };
}

const WARNING = '[WARNING] Local health request to "http://127.0.0.1:1/health" failed:';

test('a request that is cut off is a failure, counted once and logged', async () => {
  const { counts, lines, tick } = await start((socket) => socket.end());
  tick();
  await vi.waitFor(() => expect(counts.failures).toBe(1));
  expect(counts.durations.total).toBe(1);
  expect(lines).toEqual([`${WARNING} connection closed`]);
});

test('an answer that never comes is a failure after three seconds', async () => {
  const { counts, lines, tick } = await start(() => {});
  for (let second = 0; second < 3; second++) tick();
  expect(counts.failures).toBe(0);
  tick();
  expect(counts.failures).toBe(1);
  expect(lines).toEqual([`${WARNING} no answer within 3s`]);
});

test('an answer that is not OK is a failure', async () => {
  const { counts, lines, tick } = await start((socket) => socket.write('HTTP/1.1 500 No\r\n\r\n'));
  tick();
  await vi.waitFor(() => expect(counts.failures).toBe(1));
  expect(lines).toEqual([`${WARNING} unexpected answer "HTTP/1.1 500"`]);
});

test('one connection serves all requests, and a new one follows a failure', async () => {
  let isOk = true;
  const { counts, sockets, tick } = await start((socket) => {
    socket.on('data', () => (isOk ? socket.write('HTTP/1.1 200 OK\r\n\r\n') : socket.destroy()));
  });
  for (let request = 1; request <= 3; request++) {
    tick();
    await vi.waitFor(() => expect(counts.durations.total).toBe(request));
  }
  expect([sockets.size, counts.failures]).toEqual([1, 0]);
  isOk = false;
  tick();
  await vi.waitFor(() => expect(counts.failures).toBe(1));
  isOk = true;
  tick();
  await vi.waitFor(() => expect(counts.durations.total).toBe(5));
  expect([sockets.size, counts.failures]).toEqual([2, 1]);
});

test('stopping in the middle of a request is no failure', async () => {
  const { counts, lines, probe, sockets, tick } = await start(() => {});
  tick();
  await vi.waitFor(() => expect(sockets.size).toBe(1));
  probe.stop();
  const [socket] = sockets;
  await new Promise((resolve) => socket.once('close', resolve).resume());
  expect([counts.failures, counts.durations.total, lines]).toEqual([0, 0, []]);
});

test('all probes of a process count together', () => {
  const catalogue = new Catalogue();
  expect(healthCounts(catalogue)).toBe(healthCounts(catalogue));
});
