/** The lease on our own listeners, with real ones on the loopback and a clock of the test's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProbe } from '../../../src/daemon/node-side.ts';
import { Lease } from '../../../src/host/lease.ts';
import { createNodeEvents } from '../../../src/host/node-events.ts';
import { Log } from '../../../src/log/log.ts';
import { ManualClock } from '../host/fakes.ts';

const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
/** Sends each query back as a response: RFC 1035 §4.1.1, the QR bit. */
const TCP_LISTENER = `
const server = require('net').createServer((socket) => socket.on('data', (query) => {
  query[4] |= 0x80;
  socket.write(query);
}));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

let tcp: ChildProcess;
let udp: Socket;
let clock: ManualClock;
let lease: Lease;

beforeEach(async () => {
  tcp = spawn(NODE, ['-e', TCP_LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = tcp.stdout === null ? [] : await once(tcp.stdout, 'data');
  const dnsPort = Number(line);
  udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    query[2] |= 0x80;
    udp.send(query, from.port, from.address);
  });
  udp.bind(dnsPort, '127.0.0.1');
  await once(udp, 'listening');
  clock = new ManualClock();
  const probe = createProbe({ dnsPort });
  const nothing = async () => {};
  const actions = { renew: nothing, drop: nothing, probe: () => probe('127.0.0.1') };
  const modules = { clock, log: new Log(() => {}), events: createNodeEvents() };
  lease = new Lease({ leaseMs: 2000, actions }, modules);
  await lease.begin();
});
afterEach(() => {
  tcp.kill('SIGKILL');
  udp.close();
});

async function passTurns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) clock.ms += await lease.tick();
}

test('a TCP listener that stops accepting ends the lease, though UDP answers', async () => {
  await passTurns(6);
  expect(lease.isHeld).toBe(true);
  tcp.kill('SIGSTOP');
  // Signals are not waited for.
  await sleep(50);
  await passTurns(4);
  expect(lease.isHeld).toBe(true);
  await passTurns(6);
  expect(lease.isHeld).toBe(false);
  tcp.kill('SIGCONT');
  await passTurns(4);
  expect(lease.isHeld).toBe(true);
}, 20_000);
