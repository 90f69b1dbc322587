import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frame } from '../../../src/dns/framing.ts';
import type { ListenerOptions } from '../../../src/server/listener.ts';
import type { TcpDoorway } from '../../../src/server/listener-factory.ts';
import { NetListener } from '../../../src/server/net-listener.ts';
import { StreamMemory } from '../../../src/server/socket-stream.ts';
import { MAX_IN_FLIGHT, OUTPUT_OCTETS } from '../../../src/server/tcp-connection.ts';
import { TcpConnections } from '../../../src/server/tcp-connections.ts';
import { TcpListener } from '../../../src/server/tcp-listener.ts';
import { Epoll } from '../../../src/sockets/epoll.ts';
import { IPPROTO_TCP, loadLibc, TCP_DEFER_ACCEPT } from '../../../src/sockets/libc.ts';
import { readFrames } from '../../helpers/framing.ts';
import {
  DROP,
  ECHO,
  echoed,
  FakeHandler,
  LARGE,
  LARGE_LENGTH,
  LATER,
  query,
} from './fake-handler.ts';

const { libc } = loadLibc();
if (libc === null) throw new Error('these tests need koffi');
const shared = { libc, epoll: new Epoll(libc), streamMemory: new StreamMemory(libc) };

interface Modules {
  handler: FakeHandler;
  connections: TcpConnections;
  clock: { nowMs(): number };
}
const KINDS: [string, (options: ListenerOptions, modules: Modules) => TcpDoorway][] = [
  ['TcpListener', (options, modules) => new TcpListener(options, { ...shared, ...modules })],
  [
    'NetListener',
    (options, modules) =>
      new NetListener(options, { ...modules, output: Buffer.alloc(OUTPUT_OCTETS) }),
  ],
];

/** A connection that collects what comes back. */
class Client {
  readonly replies: Buffer[] = [];
  readonly socket: Socket;
  isClosed = false;

  constructor(port: number, address = '127.0.0.1') {
    this.socket = connect({ port, host: address, allowHalfOpen: true, noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    this.socket.on('end', () => this.socket.end());
    readFrames(this.socket, (reply) => this.replies.push(reply));
  }

  ask(...queries: Buffer[]): void {
    this.socket.write(Buffer.concat(queries.map((message) => frame(message))));
  }

  async waitFor(count: number): Promise<Buffer[]> {
    while (this.replies.length < count) await once(this.socket, 'data');
    return this.replies;
  }

  async waitForClose(): Promise<void> {
    if (!this.isClosed) await new Promise((resolve) => this.socket.once('close', resolve));
  }
}

describe.each(KINDS)('%s', (_name, make) => {
  let nowMs: number;
  let handler: FakeHandler;
  let connections: TcpConnections;
  let listeners: TcpDoorway[];
  let clients: Client[];

  beforeEach(() => {
    nowMs = 1000;
    handler = new FakeHandler();
    connections = tableOf(100, 50);
    listeners = [];
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.socket.destroy();
    for (const listener of listeners) await listener.stop();
    expect(connections.size).toBe(0);
  });

  function tableOf(maxTotal: number, maxPerClient: number): TcpConnections {
    return new TcpConnections({ maxTotal, maxPerClient }, { clock: { nowMs: () => nowMs } });
  }

  async function listen(address = '127.0.0.1', port = 0): Promise<TcpDoorway> {
    const clock = { nowMs: () => nowMs };
    const listener = make({ address, port }, { handler, connections, clock });
    listeners.push(listener);
    await listener.start();
    return listener;
  }

  function open(port: number, address?: string): Client {
    const client = new Client(port, address);
    clients.push(client);
    return client;
  }

  async function waitUntil(condition: () => boolean): Promise<void> {
    while (!condition()) await sleep(1);
  }

  test('answers queries that come together, in one connection', async () => {
    const client = open((await listen()).port);
    const queries = Array.from({ length: 300 }, (_, i) => query(ECHO, i, 10 + i));
    client.ask(...queries);
    expect(await client.waitFor(300)).toEqual(queries.map(echoed));
  });

  test('answers queries that come octet by octet', async () => {
    const client = open((await listen()).port);
    for (const octet of Buffer.concat([frame(query(ECHO, 1)), frame(query(ECHO, 2))])) {
      client.socket.write(Buffer.of(octet));
      await sleep(0);
    }
    expect(await client.waitFor(2)).toEqual([echoed(query(ECHO, 1)), echoed(query(ECHO, 2))]);
  });

  test('does not let a slow answer hold up the next query', async () => {
    const client = open((await listen()).port);
    client.ask(query(LATER, 1), query(ECHO, 2));
    expect(await client.waitFor(1)).toEqual([echoed(query(ECHO, 2))]);
    handler.waiting[0].client.send(query(ECHO, 1));
    expect((await client.waitFor(2))[1]).toEqual(query(ECHO, 1));
  });

  test('an empty reply leaves the client without one, and its connection can be closed', async () => {
    const listener = await listen();
    const client = open(listener.port);
    client.ask(query(LATER, 1), query(ECHO, 2));
    await client.waitFor(1);
    client.socket.end();
    handler.waiting[0].client.send(Buffer.alloc(0));
    await client.waitForClose();
    expect(client.replies).toEqual([echoed(query(ECHO, 2))]);
  });

  test('takes the longest message and gives long replies', async () => {
    const client = open((await listen()).port);
    const long = query(ECHO, 1, 65_535);
    client.ask(long, query(LARGE, 2), query(LARGE, 3), query(LARGE, 4), query(LARGE, 5), long);
    const replies = await client.waitFor(6);
    expect(replies[0]).toEqual(echoed(long));
    expect(replies[1]).toEqual(Buffer.alloc(LARGE_LENGTH, 0x55));
    expect(replies[5]).toEqual(echoed(long));
  });

  test('knows both ends of a connection', async () => {
    const { port } = await listen('');
    const client = open(port, '127.0.0.1');
    client.ask(query(LATER, 1));
    await waitUntil(() => handler.waiting.length === 1);
    expect(handler.waiting[0].client).toMatchObject({
      transport: 'tcp',
      family: 4,
      address: '127.0.0.1',
      port: client.socket.localPort,
      localAddress: '127.0.0.1',
      localPort: port,
    });
    const client6 = open(port, '::1');
    client6.ask(query(LATER, 2));
    await waitUntil(() => handler.waiting.length === 2);
    expect(handler.waiting[1].client).toMatchObject({ family: 6, address: '::1' });
    expect(handler.waiting.map(({ family }) => family)).toEqual([4, 6]);
  });

  test('answers what a client asked before it closed its side', async () => {
    const client = open((await listen()).port);
    client.ask(query(LATER, 1));
    client.socket.end();
    await waitUntil(() => handler.waiting.length === 1);
    await sleep(5);
    handler.waiting[0].client.send(query(ECHO, 1));
    expect(await client.waitFor(1)).toEqual([query(ECHO, 1)]);
    await client.waitForClose();
  });

  test('forgets a client that is gone, whose answer comes later', async () => {
    const client = open((await listen()).port);
    client.ask(query(LATER, 1));
    await waitUntil(() => handler.waiting.length === 1);
    client.socket.resetAndDestroy();
    await waitUntil(() => connections.size === 0);
    handler.waiting[0].client.send(query(ECHO, 1));
  });

  test('sends one reply for a query, however often it is answered', async () => {
    const client = open((await listen()).port);
    client.ask(query(LATER, 1));
    await waitUntil(() => handler.waiting.length === 1);
    handler.waiting[0].client.send(query(ECHO, 1));
    handler.waiting[0].client.send(query(ECHO, 2));
    await client.waitFor(1);
    client.ask(query(ECHO, 3));
    expect(await client.waitFor(2)).toEqual([query(ECHO, 1), echoed(query(ECHO, 3))]);
  });

  test('stops reading from a client with too many queries in flight', async () => {
    const client = open((await listen()).port);
    const queries = Array.from({ length: 3000 }, (_, i) => query(LATER, i, 20));
    client.ask(...queries);
    await waitUntil(() => handler.waiting.length >= MAX_IN_FLIGHT);
    await sleep(20);
    expect(handler.waiting.length).toBe(MAX_IN_FLIGHT);
    for (let i = 0; i < 3000; i++) {
      await waitUntil(() => handler.waiting.length > i);
      const { client: asker, query: asked } = handler.waiting[i];
      asker.send(asked);
    }
    expect(await client.waitFor(3000)).toEqual(queries);
  });

  test('closes a connection that does not ask within 3 s', async () => {
    const client = open((await listen()).port);
    client.socket.write(Buffer.of(0, 8, ECHO));
    await waitUntil(() => connections.size === 1);
    nowMs += 2999;
    connections.sweep();
    expect(connections.size).toBe(1);
    nowMs += 1;
    connections.sweep();
    await client.waitForClose();
    expect(connections.counters.timedOut).toBe(1);
  });

  test('closes a connection that has been idle for 10 s', async () => {
    const client = open((await listen()).port);
    client.ask(query(ECHO, 1));
    await client.waitFor(1);
    nowMs += 9000;
    client.ask(query(ECHO, 1));
    await client.waitFor(2);
    nowMs += 9999;
    connections.sweep();
    expect(connections.size).toBe(1);
    nowMs += 1;
    connections.sweep();
    await client.waitForClose();
  });

  test('closes a client that does not read its replies', async () => {
    const client = open((await listen()).port);
    client.socket.pause();
    client.ask(...Array.from({ length: 2000 }, (_, i) => query(LARGE, i)));
    // Until neither side takes more: the receive buffer, the send buffer and our own are full.
    for (let before = -1; before !== handler.received.length; await sleep(20)) {
      before = handler.received.length;
    }
    expect(handler.received.length).toBeLessThan(2000);
    nowMs += 4999;
    connections.sweep();
    expect(connections.size).toBe(1);
    nowMs += 1;
    connections.sweep();
    expect(connections.size).toBe(0);
    client.socket.resume();
    await client.waitForClose();
  });

  test('goes on when a slow client has taken its replies', async () => {
    const client = open((await listen()).port);
    client.socket.pause();
    client.ask(...Array.from({ length: 300 }, (_, i) => query(LARGE, i)));
    await waitUntil(() => handler.received.length > 20);
    await sleep(20);
    client.socket.resume();
    expect((await client.waitFor(300)).length).toBe(300);
    nowMs += 5000;
    connections.sweep();
    client.ask(query(ECHO, 1));
    expect((await client.waitFor(301))[300]).toEqual(echoed(query(ECHO, 1)));
  });

  test('closes after as many queries as are allowed', async () => {
    const listener = await listen();
    listener.limits = { ...listener.limits, maxQueries: 2 };
    const client = open(listener.port);
    client.ask(query(LATER, 1), query(ECHO, 2), query(ECHO, 3));
    await client.waitFor(1);
    handler.waiting[0].client.send(query(ECHO, 1));
    await client.waitForClose();
    expect(client.replies).toEqual([echoed(query(ECHO, 2)), query(ECHO, 1)]);
  });

  test('makes room for a new client by closing the one idle for the longest', async () => {
    connections = tableOf(3, 3);
    const { port } = await listen();
    const old: Client[] = [];
    for (let i = 0; i < 3; i++) {
      old.push(open(port));
      nowMs += 10;
      old[i].ask(query(i === 0 ? LATER : ECHO, i));
      await waitUntil(() => handler.received.length === i + 1);
    }
    const fresh = open(port);
    fresh.ask(query(ECHO, 9));
    await fresh.waitFor(1);
    // The first waits for an answer: it is not idle.
    await old[1].waitForClose();
    expect([old[0].isClosed, old[2].isClosed]).toEqual([false, false]);
    expect(connections.counters.evicted).toBe(1);
  });

  test('refuses a client over its share while others get in', async () => {
    connections = tableOf(10, 2);
    const { port } = await listen('');
    const busy = [open(port), open(port)];
    for (const client of busy) client.ask(query(LATER, 1));
    await waitUntil(() => handler.waiting.length === 2);
    const refused = open(port);
    await refused.waitForClose();
    expect(connections.counters.refused).toBe(1);
    const other = open(port, '::1');
    other.ask(query(ECHO, 1));
    await other.waitFor(1);
  });

  test('drains: takes no new connections, answers what was asked, then closes', async () => {
    const listener = await listen();
    const { port } = listener;
    const idle = open(port);
    const busy = open(port);
    idle.ask(query(ECHO, 1));
    await idle.waitFor(1);
    busy.ask(query(LATER, 2));
    await waitUntil(() => handler.waiting.length === 1);
    listener.drain();
    await idle.waitForClose();
    await open(port).waitForClose();
    expect(busy.isClosed).toBe(false);
    handler.waiting[0].client.send(query(ECHO, 2));
    expect(await busy.waitFor(1)).toEqual([query(ECHO, 2)]);
    await busy.waitForClose();
  });

  test('shares its port with a second instance', async () => {
    const { port } = await listen();
    await listen('127.0.0.1', port);
    const client = open(port);
    client.ask(query(ECHO, 1));
    await client.waitFor(1);
  });

  test('says which address is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const bound = other.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    await expect(listen('127.0.0.1', port)).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringMatching(
        `^Listen: listen tcp 127.0.0.1:${port}: \\w+: address already in use`,
      ),
    });
    other.close();
  });

  test('runs promise jobs and ticks that a query caused', async () => {
    const client = open((await listen()).port);
    const ran = new Promise<void>((resolve) => {
      handler.onQuery = () => process.nextTick(() => Promise.resolve().then(resolve));
    });
    client.ask(query(DROP, 1));
    await ran;
  });

  test('ignores messages that get no answer', async () => {
    const client = open((await listen()).port);
    client.ask(Buffer.alloc(0), query(DROP, 1), query(ECHO, 2));
    expect(await client.waitFor(1)).toEqual([echoed(query(ECHO, 2))]);
  });
});

test('the kernel keeps a connection for us until its first query is there, for a second', async () => {
  const clock = { nowMs: () => 0 };
  const connections = new TcpConnections({ maxTotal: 1, maxPerClient: 1 }, { clock });
  const modules = { ...shared, handler: new FakeHandler(), connections, clock };
  const listener = new TcpListener({ address: '127.0.0.1', port: 0 }, modules);
  await listener.start();
  const [value, length] = [Buffer.alloc(4), Buffer.from([4, 0, 0, 0])];
  expect(libc.getsockopt(listener.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, value, length)).toBe(0);
  // The kernel counts in retransmissions of a SYN-ACK, the first after a second.
  expect(value.readInt32LE(0)).toBe(1);
  await listener.stop();
});
