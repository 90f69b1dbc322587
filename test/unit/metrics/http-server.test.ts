import { connect, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { HttpServer, ListenError, sendText } from '../../../src/metrics/http-server.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const ROUTES = new Map([
  [
    '/hello',
    (_: unknown, response: Parameters<typeof sendText>[0]) => sendText(response, 200, 'hi'),
  ],
  [
    '/sync',
    () => {
      throw new Error('broken');
    },
  ],
  [
    '/async',
    async () => {
      throw new Error('broken');
    },
  ],
]);

function makeServer(overrides: object = {}): HttpServer {
  const server = new HttpServer(
    { purpose: 'test', host: '127.0.0.1', port: 0, ...overrides },
    ROUTES,
  );
  stops.push(() => server.stop());
  return server;
}

async function failureOf(server: HttpServer): Promise<ListenError> {
  const failure = await server.start().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ListenError);
  return failure as ListenError;
}

test('a path is found whatever its query says; others are not found', async () => {
  const server = makeServer();
  await server.start();
  const base = `http://127.0.0.1:${server.port}`;
  expect(await (await fetch(`${base}/hello?a=1`)).text()).toBe('hi');
  expect((await fetch(`${base}/hello/more`)).status).toBe(404);
});

test('HEAD gets the head alone, other methods are refused', async () => {
  const server = makeServer();
  await server.start();
  const head = await fetch(`http://127.0.0.1:${server.port}/hello`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
    200,
    '2',
    '',
  ]);
  const post = await fetch(`http://127.0.0.1:${server.port}/hello`, { method: 'POST' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test.each(['/sync', '/async'])('a handler that fails (%s) is status 500', async (path) => {
  const server = makeServer();
  await server.start();
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
  expect([answer.status, await answer.text()]).toEqual([500, `answering ${path}: Error: broken\n`]);
});

test('two servers share a port', async () => {
  const first = makeServer();
  await first.start();
  await makeServer({ port: first.port }).start();
});

test('a port that is not shared is named with what to do', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  stops.push(() => other.close());
  const { port } = other.address() as { port: number };
  const failure = await failureOf(makeServer({ port }));
  expect(failure.code).toBe('address-in-use');
  expect(failure.message).toMatch(
    new RegExp(
      `^listening on 127.0.0.1:${port} for test: port ${port} is in use .* another address$`,
    ),
  );
  expect(failure.cause).toMatchObject({ code: 'EADDRINUSE' });
});

test('a server that could not listen listens once the port is free', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const server = makeServer({ port });
  await failureOf(server);
  await new Promise((resolve) => other.close(resolve));
  await server.start();
  expect((await fetch(`http://127.0.0.1:${port}/hello`)).status).toBe(200);
});

test('an address that this machine has not is named', async () => {
  const failure = await failureOf(makeServer({ host: '192.0.2.1' }));
  expect(failure.code).toBe('address-not-available');
  expect(failure.message).toContain('192.0.2.1');
});

test('localhost means its IPv4 address', async () => {
  const server = makeServer({ host: 'localhost' });
  await server.start();
  expect((await fetch(`http://127.0.0.1:${server.port}/hello`)).status).toBe(200);
});

test('stopping closes connections that wait', async () => {
  const server = makeServer();
  await server.start();
  const socket = connect(server.port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.on('error', () => {});
  socket.write('GET /hello HTTP/1.1\r\n');
  await server.stop();
  await closed;
  await server.stop();
});

test('a client that never ends its request is cut off', async () => {
  const server = makeServer({ readTimeoutMs: 100, writeTimeoutMs: 100 });
  await server.start();
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET /hello HTTP/1.1\r\n');
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
});

test('stopping what never started is nothing', async () => {
  await makeServer().stop();
});
