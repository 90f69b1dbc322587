/**
 * What a datagram costs to receive and answer, by how many share a system call, and what one costs
 * that is answered later. `as one message`: the replies leave as one (UDP_SEGMENT).
 *
 * Run: node_modules/.bin/node bench/micro/udp-batch.bench.ts
 *
 * CPU time (user and system) of the best of many rounds, which holds on a busy machine. The kernel's
 * delivery of the reply to the asker's queue is part of it: on loopback the sender does that.
 */
import type { Client } from '../../src/dns/query.ts';
import type { PacketHandler } from '../../src/server/door.ts';
import { Moderation } from '../../src/server/moderation.ts';
import { openSocket } from '../../src/server/open-socket.ts';
import { UdpBatch } from '../../src/server/udp-batch.ts';
import { sendMessages, type UdpEndpoint } from '../../src/server/udp-endpoint.ts';
import { UdpOutbox } from '../../src/server/udp-outbox.ts';
import { loadLibc } from '../../src/sockets/libc.ts';
import { PacketMemory } from '../../src/sockets/packet-memory.ts';
import { encodeSocketAddress } from '../../src/sockets/socket-address.ts';

const WAITING = 128;
const ROUNDS = 400;
const QUERY = Buffer.from('123401000001000000000000046e616d65076578616d706c650000010001', 'hex');

const { libc, reason } = loadLibc();
if (libc === null) throw new Error(reason);

const server = endpoint();
const asker = endpoint();
const askerMemory = new PacketMemory(WAITING, libc);
const outbox = new UdpOutbox(libc);
const moderation = new Moderation(libc, () => performance.now());

for (const [slots, isSegmenting] of [
  ...[1, 8, 16, 32, 64, 128].map((count) => [count, false] as const),
  ...[2, 4, 8, 16, 32].map((count) => [count, true] as const),
]) {
  const memory = new PacketMemory(slots, libc);
  memory.outgoing.isSegmenting = isSegmenting;
  const echo: PacketHandler = {
    hasBacklog: false,
    handedOn: 0,
    inFlight: 0,
    batchStart() {},
    handle: (_packet, _start, length) => length,
    batchEnd() {},
  };
  const batch = new UdpBatch(server, { libc, memory, outbox, moderation, handler: echo });
  const how = isSegmenting ? 'as one message' : 'per system call';
  print(`answered at once, ${slots} ${how}`, () => {
    while (!batch.answerQueue({ nowMs: performance.now() }, false));
  });
}

const clients: Client[] = [];
const later: PacketHandler = {
  hasBacklog: false,
  handedOn: 0,
  inFlight: 0,
  batchStart() {},
  handle(_packet, _start, _length, _capacity, door) {
    clients.push(door.currentClient());
    return 0;
  },
  batchEnd() {},
};
const memory = new PacketMemory(64, libc);
const laterBatch = new UdpBatch(server, { libc, memory, outbox, moderation, handler: later });
print('answered later', () => {
  while (!laterBatch.answerQueue({ nowMs: performance.now() }, false));
  for (const client of clients) client.send(QUERY);
  outbox.flush();
  clients.length = 0;
});

libc.close(server.fd);
libc.close(asker.fd);

/** Fills the server's queue, times `work`, empties the asker's queue; many times. */
function print(name: string, work: () => void): void {
  if (libc === null) return;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    ask();
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, ((user + system) * 1000) / WAITING);
    const received = libc.recvmmsg(asker.fd, askerMemory.receiveHeaders, WAITING, 0x40, 0);
    if (received !== WAITING) throw new Error(`${received} replies to ${WAITING} queries`);
  }
  console.log(`${name.padEnd(44)}${best.toFixed(0).padStart(6)} ns`);
}

function ask(): void {
  if (libc === null) return;
  const name = encodeSocketAddress('127.0.0.1', server.localPort);
  askerMemory.shape(name.length, 0);
  for (let slot = 0; slot < WAITING; slot++) {
    QUERY.copy(askerMemory.packet, askerMemory.dataAt(slot));
    name.copy(askerMemory.packet, askerMemory.nameAt(slot));
    askerMemory.outgoing.add(slot, QUERY.length);
  }
  sendMessages(asker, askerMemory.outgoing, libc);
}

function endpoint(): UdpEndpoint {
  if (libc === null) throw new Error(reason);
  const socket = openSocket({ transport: 'udp', address: '127.0.0.1', port: 0 }, libc);
  const counters = { unsent: 0 };
  return { ...socket, localAddress: '127.0.0.1', localPort: socket.port, counters, isOpen: true };
}
