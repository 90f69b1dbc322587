import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DgramListener } from '../../../src/server/dgram-listener.ts';
import type { Listener, ListenerOptions } from '../../../src/server/listener.ts';
import { Moderation } from '../../../src/server/moderation.ts';
import { UdpListener } from '../../../src/server/udp-listener.ts';
import { UdpOutbox } from '../../../src/server/udp-outbox.ts';
import { loadLibc } from '../../../src/sockets/libc.ts';
import { PacketMemory } from '../../../src/sockets/packet-memory.ts';
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
const modules = {
  libc,
  memory: new PacketMemory(16, libc),
  outbox: new UdpOutbox(libc),
  moderation: new Moderation(libc, () => performance.now()),
  wait: null,
};
/** The same, giving the kernel several replies as one. */
const segmenting = { ...modules, memory: new PacketMemory(16, libc), outbox: new UdpOutbox(libc) };
segmenting.memory.outgoing.isSegmenting = true;
segmenting.outbox.isSegmenting = true;

/** The same, after a pause each time: queries are received one by one. */
const waiting = {
  ...modules,
  wait: {
    get nowMs() {
      return performance.now();
    },
    wasPause: true,
    begin() {},
    untilReadable: () => false,
  },
};

const KINDS: [string, (options: ListenerOptions, handler: FakeHandler) => Listener][] = [
  ['UdpListener', (options, handler) => new UdpListener(options, { ...modules, handler })],
  [
    'UdpListener with segments',
    (options, handler) => new UdpListener(options, { ...segmenting, handler }),
  ],
  [
    'UdpListener after pauses',
    (options, handler) => new UdpListener(options, { ...waiting, handler }),
  ],
  ['DgramListener', (options, handler) => new DgramListener(options, handler)],
];

let handler: FakeHandler;
let toStop: { stop(): Promise<void> }[];
let client: Client;

/** A socket that collects what comes back. */
class Client {
  readonly replies: { message: Buffer; from: RemoteInfo }[] = [];
  readonly #socket: Socket;

  constructor(type: 'udp4' | 'udp6' = 'udp4') {
    this.#socket = createSocket({ type, recvBufferSize: 1 << 20 });
    this.#socket.on('message', (message, from) => this.replies.push({ message, from }));
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Sends and waits until the kernel has taken it. */
  async send(message: Buffer, port: number, address = '127.0.0.1'): Promise<void> {
    await new Promise((resolve) => this.#socket.send(message, port, address, resolve));
  }

  async waitFor(count: number): Promise<Buffer[]> {
    while (this.replies.length < count) await once(this.#socket, 'message');
    return this.replies.map((reply) => reply.message);
  }

  close(): void {
    this.#socket.close();
  }
}

beforeEach(() => {
  handler = new FakeHandler();
  toStop = [];
  client = new Client();
});

afterEach(async () => {
  client.close();
  for (const listener of toStop) await listener.stop();
});

describe.each(KINDS)('%s', (_name, make) => {
  async function listen(address = '127.0.0.1', port = 0): Promise<Listener> {
    const listener = make({ address, port }, handler);
    toStop.push(listener);
    await listener.start();
    return listener;
  }

  test('answers each datagram of a burst once, with its own reply', async () => {
    const { port } = await listen();
    const queries = Array.from({ length: 150 }, (_, i) => query(ECHO, i, 8 + i));
    await Promise.all(queries.map((message) => client.send(message, port)));
    const replies = await client.waitFor(150);
    const hex = (messages: Buffer[]) => messages.map((message) => message.toString('hex')).sort();
    expect(hex(replies)).toEqual(hex(queries.map(echoed)));
  });

  test('leaves out what the handler does not answer', async () => {
    const { port } = await listen();
    const kinds = [ECHO, DROP, DROP, ECHO, DROP, ECHO, ECHO];
    await Promise.all(kinds.map((kind, i) => client.send(query(kind, i), port)));
    await client.waitFor(4);
    const numbers = client.replies.map(({ message }) => message.readUInt32BE(1));
    expect(numbers.sort()).toEqual([0, 3, 5, 6]);
  });

  test('takes and gives messages far longer than 512 octets', async () => {
    const { port } = await listen();
    const long = query(ECHO, 1, 60_000);
    await client.send(long, port);
    expect(await client.waitFor(1)).toEqual([echoed(long)]);
    await client.send(query(LARGE, 2), port);
    expect((await client.waitFor(2))[1]).toEqual(Buffer.alloc(LARGE_LENGTH, 0x55));
    // A slot that held a short reply takes a long query again.
    await client.send(long, port);
    expect((await client.waitFor(3))[2]).toEqual(echoed(long));
  });

  test('survives an empty datagram', async () => {
    const { port } = await listen();
    await client.send(Buffer.alloc(0), port);
    await client.send(query(ECHO, 1), port);
    expect(await client.waitFor(1)).toEqual([echoed(query(ECHO, 1))]);
  });

  test('answers later, to the one who asked', async () => {
    const { port } = await listen();
    const other = new Client();
    await client.send(query(LATER, 1), port);
    await other.send(query(LATER, 2), port);
    while (handler.waiting.length < 2) await sleep(1);
    for (const { client: asker, query: asked } of handler.waiting) {
      const reply = echoed(asked);
      asker.send(reply);
      reply.fill(0);
    }
    expect(await client.waitFor(1)).toEqual([echoed(query(LATER, 1))]);
    expect(await other.waitFor(1)).toEqual([echoed(query(LATER, 2))]);
    const { client: asker } = handler.waiting[0];
    expect(asker).toMatchObject({
      transport: 'udp',
      family: 4,
      address: '127.0.0.1',
      port: client.port,
      localAddress: '127.0.0.1',
      localPort: port,
    });
    other.close();
  });

  test('sends more late replies at once than fit one system call', async () => {
    const { port } = await listen();
    for (let i = 0; i < 100; i++) await client.send(query(LATER, i), port);
    while (handler.waiting.length < 100) await sleep(1);
    for (const { client: asker, query: asked } of handler.waiting) asker.send(asked);
    const numbers = (await client.waitFor(100)).map((message) => message.readUInt32BE(1));
    expect(new Set(numbers).size).toBe(100);
  });

  test('an empty reply leaves the client without one', async () => {
    const { port } = await listen();
    await client.send(query(LATER, 1), port);
    while (handler.waiting.length < 1) await sleep(1);
    handler.waiting[0].client.send(Buffer.alloc(0));
    await client.send(query(ECHO, 2), port);
    expect(await client.waitFor(1)).toEqual([echoed(query(ECHO, 2))]);
  });

  test('does nothing for a late reply after the stop', async () => {
    const listener = await listen();
    await client.send(query(LATER, 1), listener.port);
    while (handler.waiting.length < 1) await sleep(1);
    await listener.stop();
    expect(listener.port).toBe(0);
    handler.waiting[0].client.send(query(ECHO, 1));
    await sleep(5);
    expect(client.replies).toEqual([]);
  });

  test('serves IPv6', async () => {
    const { port } = await listen('::1');
    const client6 = new Client('udp6');
    await client6.send(query(ECHO, 1), port, '::1');
    await client6.send(query(LATER, 2), port, '::1');
    while (handler.waiting.length < 1) await sleep(1);
    const { client: asker, query: asked } = handler.waiting[0];
    expect(asker).toMatchObject({ family: 6, address: '::1', port: client6.port });
    asker.send(asked);
    await client6.waitFor(2);
    client6.close();
  });

  test('serves both families on the wildcard address', async () => {
    const { port } = await listen('');
    const client6 = new Client('udp6');
    await client6.send(query(ECHO, 1), port, '::1');
    expect(await client6.waitFor(1)).toEqual([echoed(query(ECHO, 1))]);
    await client.send(query(ECHO, 2), port);
    expect(await client.waitFor(1)).toEqual([echoed(query(ECHO, 2))]);
    await client.send(query(LATER, 3), port);
    while (handler.waiting.length < 1) await sleep(1);
    expect(handler.waiting[0].client).toMatchObject({ family: 4, address: '127.0.0.1' });
    await client6.send(query(LATER, 4), port, '::1');
    while (handler.waiting.length < 2) await sleep(1);
    expect(handler.waiting.map(({ family }) => family)).toEqual([4, 6]);
    client6.close();
  });

  test('runs promise jobs and ticks that a query caused', async () => {
    const { port } = await listen();
    const ran = new Promise<void>((resolve) => {
      handler.onQuery = () => process.nextTick(() => Promise.resolve().then(resolve));
    });
    await client.send(query(DROP, 1), port);
    await ran;
  });

  test('shares its port with a second instance', async () => {
    const { port } = await listen();
    await listen('127.0.0.1', port);
    await client.send(query(ECHO, 1), port);
    await client.waitFor(1);
  });

  test('says which address is taken', async () => {
    const other = createSocket('udp4');
    await new Promise<void>((resolve) => other.bind(0, '127.0.0.1', resolve));
    const { port } = other.address();
    await expect(listen('127.0.0.1', port)).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringContaining(
        `Listen: listen udp 127.0.0.1:${port}: bind: address already in use`,
      ),
    });
    other.close();
  });

  test('can be stopped before it was started and twice', async () => {
    const listener = make({ address: '127.0.0.1', port: 0 }, handler);
    await listener.stop();
    await listener.start();
    await listener.stop();
    await listener.stop();
  });
});

describe('UdpListener', () => {
  async function listen(address: string, mayAppear = false): Promise<UdpListener> {
    const listener = new UdpListener({ address, port: 0, mayAppear }, { ...modules, handler });
    toStop.push(listener);
    await listener.start();
    return listener;
  }

  test('handles what has queued up as one batch', async () => {
    const listener = await listen('127.0.0.1');
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    // libuv sends at once, so all of these are in the queue before the event loop looks.
    for (let i = 0; i < 40; i++) socket.send(query(ECHO, i), listener.port, '127.0.0.1');
    while (handler.received.length < 40) await sleep(1);
    expect(Math.max(...handler.batches)).toBeGreaterThan(8);
    expect(handler.batches.reduce((sum, count) => sum + count)).toBe(40);
    socket.close();
  });

  test.each([
    [false, 1],
    [true, 0],
  ])('with a backlog %s it waits %i times for more queries', async (hasBacklog, waits) => {
    let waited = 0;
    class CountingModeration extends Moderation {
      override wait(nowMs: number): number {
        waited++;
        return super.wait(nowMs);
      }
    }
    const moderation = new CountingModeration(modules.libc, () => performance.now());
    handler.hasBacklog = hasBacklog;
    const options = { address: '127.0.0.1', port: 0 };
    const listener = new UdpListener(options, { ...modules, moderation, handler });
    toStop.push(listener);
    await listener.start();
    await client.send(query(ECHO, 1), listener.port);
    await client.waitFor(1);
    expect(waited).toBe(waits);
  });

  test('answers from the address that was asked when bound to the wildcard', async () => {
    const { port } = await listen('');
    await client.send(query(ECHO, 1), port, '127.0.0.7');
    await client.send(query(LATER, 2), port, '127.0.0.8');
    while (handler.waiting.length < 1) await sleep(1);
    handler.waiting[0].client.send(query(ECHO, 2));
    await client.waitFor(2);
    expect(client.replies.map(({ from }) => from.address)).toEqual(['127.0.0.7', '127.0.0.8']);
    expect(handler.waiting[0].client.localAddress).toBe('127.0.0.8');
  });

  test('the same with the wildcard address of IPv4', async () => {
    const { port } = await listen('0.0.0.0');
    await client.send(query(LATER, 2), port, '127.0.0.8');
    while (handler.waiting.length < 1) await sleep(1);
    handler.waiting[0].client.send(query(ECHO, 2));
    await client.waitFor(1);
    expect(client.replies[0].from.address).toBe('127.0.0.8');
    expect(handler.waiting[0].client.localAddress).toBe('127.0.0.8');
  });

  test('binds to an address that may appear later', async () => {
    const listener = await listen('192.0.2.77', true);
    expect(listener.port).toBeGreaterThan(0);
  });

  test('refuses any other address that does not exist', async () => {
    await expect(listen('192.0.2.77')).rejects.toMatchObject({ code: 'address-unavailable' });
  });

  test('drain answers what is queued and takes nothing after it', async () => {
    const listener = await listen('127.0.0.1');
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    for (let i = 0; i < 40; i++) socket.send(query(ECHO, i), listener.port, '127.0.0.1');
    await new Promise((resolve) => setImmediate(resolve));
    listener.drain();
    const answered = handler.received.length;
    socket.send(query(ECHO, 99), listener.port, '127.0.0.1');
    await sleep(5);
    expect(handler.received.length).toBe(answered);
    socket.close();
  });

  test('counts replies that the kernel refuses, and sends the others', async () => {
    const listener = await listen('127.0.0.1');
    await client.send(query(LATER, 1), listener.port);
    while (handler.waiting.length < 1) await sleep(1);
    const { client: asker } = handler.waiting[0];
    asker.send(query(ECHO, 1));
    // One octet more than a datagram over IPv4 can hold.
    asker.send(Buffer.alloc(65_508));
    asker.send(query(ECHO, 2));
    await client.waitFor(2);
    expect(listener.counters.unsent).toBe(1);
  });
});

test.each([
  [true, ['recvmsg', 'sendmsg']],
  [false, ['recvmmsg', 'sendmsg']],
])('after a pause (%s) one query is received and answered with %j', async (wasPause, expected) => {
  const calls: string[] = [];
  const recording = {
    ...libc,
    recvmsg: (...parameters: Parameters<typeof libc.recvmsg>) => {
      calls.push('recvmsg');
      return libc.recvmsg(...parameters);
    },
    recvmmsg: (...parameters: Parameters<typeof libc.recvmmsg>) => {
      calls.push('recvmmsg');
      return libc.recvmmsg(...parameters);
    },
    sendmsg: (...parameters: Parameters<typeof libc.sendmsg>) => {
      calls.push('sendmsg');
      return libc.sendmsg(...parameters);
    },
  };
  // Of its own: after the bursts of other tests queries gather.
  const moderation = new Moderation(libc, () => performance.now());
  const wait = { nowMs: performance.now(), wasPause, begin() {}, untilReadable: () => false };
  const listener = new UdpListener(
    { address: '127.0.0.1', port: 0 },
    { ...modules, libc: recording, moderation, wait, handler },
  );
  toStop.push(listener);
  await listener.start();
  await client.send(query(ECHO, 1), listener.port);
  await client.waitFor(1);
  expect(calls).toEqual(expected);
});
