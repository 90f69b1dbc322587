/** Connections that are held, starved or left unread, while others are served. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import packet from 'dns-packet';
import { expect, onTestFinished, test } from 'vitest';
import { frame } from '../helpers/framing.ts';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const QUERY = frame(
  packet.encode({
    type: 'query',
    id: 1,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: 'a.example', type: 'A' }],
  }),
);
/** Clients of one address may hold so many (docs/operations.md), all together so many. */
const PER_CLIENT = 128;
const IN_TOTAL = 1000;

test('a thousand idle connections keep nobody out, and are closed', {
  timeout: 90_000,
}, async () => {
  const daemon = await startDaemon();
  const sockets = await openMany(daemon, 1100, (i) => `127.0.1.${1 + (i % 10)}`);
  expect(await connectionsOf(daemon)).toBeLessThanOrEqual(IN_TOTAL);
  await expectService(daemon);
  // Their first query has to come within 3 s.
  await expect
    .poll(() => sockets.filter((socket) => !socket.closed).length, { timeout: 40_000 })
    .toBe(0);
  expect(await connectionsOf(daemon)).toBe(0);
  expect(await daemon.scrape()).toMatch(
    /nodelocaldns_tcp_closed_total\{reason="(timeout|evicted)"\} [1-9]/,
  );
});

test('one client alone cannot take the connections of the others', async () => {
  const daemon = await startDaemon();
  await openMany(daemon, 300, () => '127.0.1.1');
  expect(await connectionsOf(daemon)).toBeLessThanOrEqual(PER_CLIENT);
  await expectService(daemon);
});

test('who sends a query octet by octet is given up, and nobody waits for that', async () => {
  const daemon = await startDaemon();
  const sockets = await openMany(daemon, 50, () => '127.0.1.1');
  let at = 0;
  const dripping = setInterval(() => {
    for (const socket of sockets) if (!socket.closed) socket.write(QUERY.subarray(at, at + 1));
    at = Math.min(at + 1, QUERY.length - 2);
  }, 200);
  onTestFinished(() => clearInterval(dripping));
  await expectService(daemon);
  await expect.poll(() => sockets.every(({ closed }) => closed), { timeout: 40_000 }).toBe(true);
});

test('who asks and never reads is given up, and costs a bounded amount of memory', {
  timeout: 120_000,
}, async () => {
  const answer = Array.from({ length: 200 }, (_, i) => `a.example. 60 IN A 10.0.0.${i}`);
  const daemon = await startDaemon({
    rules: [{ name: 'a.example.', type: 'A', reply: { answer } }],
  });
  const before = await residentOf(daemon);
  const sockets = await openMany(daemon, 40, (i) => `127.0.1.${1 + i}`);
  const many = Buffer.concat(Array(500).fill(QUERY));
  for (const socket of sockets) {
    socket.pause();
    for (let i = 0; i < 10; i++) socket.write(many);
  }
  await expectService(daemon);
  await expect.poll(() => connectionsOf(daemon), { timeout: 50_000, interval: 500 }).toBe(0);
  expect((await residentOf(daemon)) - before).toBeLessThan(64 << 20);
});

test.each([
  ['a length without a message', Buffer.from([0x0f])],
  ['half a message', QUERY.subarray(0, 15)],
  ['a length of nothing', Buffer.alloc(2)],
  ['the largest length and nothing like it', Buffer.concat([Buffer.from([0xff, 0xff]), QUERY])],
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50))],
])('%s, then an end or a reset, harms nobody', async (_, octets) => {
  const daemon = await startDaemon();
  for (const way of ['end', 'resetAndDestroy'] as const) {
    const [socket] = await openMany(daemon, 1, () => '127.0.1.1');
    socket.write(octets);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket[way]();
  }
  await expectService(daemon);
  await expect.poll(() => connectionsOf(daemon), { timeout: 40_000 }).toBe(0);
});

/** Others are answered, over both transports. */
async function expectService(daemon: RunningDaemon): Promise<void> {
  for (const transport of ['udp', 'tcp'] as const) {
    const reply = await daemon.ask('a.example', 'A', { transport });
    expect(reply?.rcode, transport).toBe('NOERROR');
  }
  expect(daemon.process.exit).toBeNull();
}

/** Opens connections, `address` telling from where. Those that are refused count as closed. */
async function openMany(
  daemon: RunningDaemon,
  count: number,
  address: (i: number) => string,
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ port: daemon.ports.dns, host: '127.0.0.1', localAddress: address(i) });
    socket.on('error', () => {});
    sockets.push(socket);
    if (i % 100 === 99) await once(socket, 'connect');
  }
  await Promise.race([once(sockets[count - 1], 'connect'), once(sockets[count - 1], 'close')]);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

async function gaugeOf(daemon: RunningDaemon, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(await daemon.scrape())?.[1]);
}

const connectionsOf = (daemon: RunningDaemon) => gaugeOf(daemon, 'nodelocaldns_tcp_connections');
const residentOf = (daemon: RunningDaemon) => gaugeOf(daemon, 'process_resident_memory_bytes');
