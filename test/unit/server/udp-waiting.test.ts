/** A listener that waits at its socket, in a real event loop, with an asker that is another process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { monotonicClock } from '../../../src/log/clock.ts';
import { Moderation } from '../../../src/server/moderation.ts';
import { SocketWait } from '../../../src/server/socket-wait.ts';
import { UdpListener } from '../../../src/server/udp-listener.ts';
import { UdpOutbox } from '../../../src/server/udp-outbox.ts';
import { EarlyTimer } from '../../../src/sockets/early-timer.ts';
import { findEventLoop } from '../../../src/sockets/event-loop.ts';
import { loadLibc } from '../../../src/sockets/libc.ts';
import { PacketMemory } from '../../../src/sockets/packet-memory.ts';
import { ECHO, FakeHandler, LATER } from './fake-handler.ts';

const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;

const { libc } = loadLibc();
const loop = findEventLoop();
if (libc === null || loop === null) throw new Error('these tests need koffi, and the main thread');

/** Asks for KIND as soon as it has the answer before, COUNT times, and prints how many it got. */
const ASKER = `
const [port, kind, count] = process.argv.slice(1).map(Number);
const socket = require('dgram').createSocket('udp4');
let answers = 0;
const ask = () => socket.send(Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]), port, '127.0.0.1');
socket.on('message', () => {
  if (++answers < count) return ask();
  console.log(answers);
  socket.close();
});
ask();
`;

let handler: FakeHandler;
let listener: UdpListener;
let asker: ChildProcess | null;
/** How often the event loop called. */
let calls: number;

beforeEach(async () => {
  handler = new FakeHandler();
  calls = 0;
  asker = null;
  const wait = new SocketWait({
    libc,
    loop,
    clock: monotonicClock,
    earlyTimer: new EarlyTimer(libc),
  });
  listener = new UdpListener(
    { address: '127.0.0.1', port: 0 },
    {
      libc,
      handler,
      memory: new PacketMemory(16, libc),
      outbox: new UdpOutbox(libc),
      moderation: new Moderation(libc, () => performance.now()),
      wait: {
        get nowMs() {
          return wait.nowMs;
        },
        get wasPause() {
          return wait.wasPause;
        },
        begin() {
          calls++;
          wait.begin();
        },
        untilReadable: (fd, at) => wait.untilReadable(fd, at),
      },
    },
  );
  await listener.start();
});
afterEach(async () => {
  asker?.kill('SIGKILL');
  await listener.stop();
});

function startAsker(kind: number, count: number): Promise<string> {
  asker = spawn(NODE, ['-e', ASKER, `${listener.port}`, `${kind}`, `${count}`]);
  return once(asker.stdout as NodeJS.EventEmitter, 'data').then(([text]) => String(text).trim());
}

test('queries that follow one another are answered in few turns of the event loop', async () => {
  expect(await startAsker(ECHO, 3000)).toBe('3000');
  expect(handler.received).toHaveLength(3000);
  expect(calls).toBeLessThan(1500);
});

test('timers and connections have their turn while queries come all the time', async () => {
  const server = createServer((socket) => socket.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const answers = startAsker(ECHO, 1_000_000);
  while (handler.received.length < 100) await sleep(1);
  for (let i = 0; i < 20; i++) {
    const startMs = performance.now();
    const text = connect(port, '127.0.0.1').setEncoding('latin1').toArray();
    await Promise.all([text, sleep(5)]);
    expect(performance.now() - startMs).toBeLessThan(500);
  }
  asker?.kill('SIGKILL');
  server.close();
  await Promise.race([answers, sleep(1)]);
});

test('does not wait while a query is under way, nor after one that left something to be done', async () => {
  handler.inFlight = 1;
  const answers = startAsker(ECHO, 200);
  expect(await answers).toBe('200');
  expect(calls).toBeGreaterThanOrEqual(200);
  handler.inFlight = 0;
  calls = 0;
  handler.waiting.length = 0;
  const later = startAsker(LATER, 50);
  for (let answered = 0; answered < 50; ) {
    await sleep(1);
    for (const { client, query } of handler.waiting.splice(0)) {
      client.send(query);
      answered++;
    }
  }
  expect(await later).toBe('50');
  expect(calls).toBeGreaterThanOrEqual(50);
});
