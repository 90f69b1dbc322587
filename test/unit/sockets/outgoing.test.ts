import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  AF_INET,
  AF_INET6,
  loadLibc,
  MSG_DONTWAIT,
  SOCK_DGRAM,
} from '../../../src/sockets/libc.ts';
import { knowsSegments } from '../../../src/sockets/outgoing.ts';
import { PacketMemory } from '../../../src/sockets/packet-memory.ts';
import { encodeSocketAddress } from '../../../src/sockets/socket-address.ts';

const { libc } = loadLibc();
if (libc === null) throw new Error('these tests need koffi');

let clients: Socket[];
/** What came, as `client:octets of it:number of it`. */
let received: string[];

beforeEach(async () => {
  clients = [createSocket('udp4'), createSocket('udp4'), createSocket('udp6')];
  received = [];
  for (const [i, client] of clients.entries()) {
    client.bind(0, i === 2 ? '::1' : '127.0.0.1');
    client.on('message', (message) => received.push(`${i}:${message.length}:${message[0]}`));
    await once(client, 'listening');
  }
});

afterEach(() => {
  for (const client of clients) client.close();
});

/**
 * Sends datagrams of so many octets to clients, numbered from 0. Returns how many messages the kernel
 * was given; `received` holds what came of them.
 */
async function send(
  datagrams: readonly (readonly [client: number, octets: number])[],
  { isSegmenting = true, family = AF_INET, unfoldsAt = -1 } = {},
): Promise<number> {
  if (libc === null) return 0;
  const memory = new PacketMemory(Math.max(1, datagrams.length), libc);
  const { outgoing } = memory;
  outgoing.isSegmenting = isSegmenting;
  for (const [slot, [client, octets]] of datagrams.entries()) {
    const { address, port } = clients[client].address();
    const name = encodeSocketAddress(address, port);
    memory.shape(name.length, 0);
    name.copy(memory.packet, memory.nameAt(slot));
    memory.packet.fill(slot, memory.dataAt(slot), memory.dataAt(slot) + octets);
    outgoing.add(slot, octets);
  }
  const sealed = outgoing.seal();
  const count = unfoldsAt < 0 ? sealed : outgoing.unfold(unfoldsAt, 0);
  const fd = libc.socket(family, SOCK_DGRAM, 0);
  expect(libc.sendmmsg(fd, outgoing.headers, count, MSG_DONTWAIT)).toBe(count);
  libc.close(fd);
  while (received.length < datagrams.length) await new Promise((resolve) => setTimeout(resolve, 1));
  return count;
}

test('this kernel knows segments', () => {
  expect(knowsSegments(libc)).toBe(true);
});

test('a kernel that does not is not taken for one that does', () => {
  expect(knowsSegments({ socket: () => 9, setsockopt: () => -1, close: () => 0 })).toBe(false);
  expect(knowsSegments({ socket: () => -1, setsockopt: () => 0, close: () => 0 })).toBe(false);
});

test('what goes to one client goes as one message', async () => {
  expect(await send(Array.from({ length: 5 }, () => [0, 90] as const))).toBe(1);
  expect(received).toEqual(['0:90:0', '0:90:1', '0:90:2', '0:90:3', '0:90:4']);
});

test('clients are told apart, whatever lies between their datagrams', async () => {
  expect(
    await send([
      [0, 90],
      [1, 90],
      [0, 90],
      [1, 90],
    ]),
  ).toBe(2);
  expect(received.sort()).toEqual(['0:90:0', '0:90:2', '1:90:1', '1:90:3']);
});

test('a shorter datagram ends a message, and a longer one goes before a single other', async () => {
  expect(
    await send([
      [0, 60],
      [0, 100],
      [0, 60],
      [0, 60],
      [0, 40],
      [0, 60],
    ]),
  ).toBe(3);
  expect(received.sort()).toEqual(['0:100:1', '0:40:4', '0:60:0', '0:60:2', '0:60:3', '0:60:5']);
});

test('a longer datagram does not go behind several shorter ones', async () => {
  expect(
    await send([
      [0, 60],
      [0, 60],
      [0, 61],
    ]),
  ).toBe(2);
  expect(received.sort()).toEqual(['0:60:0', '0:60:1', '0:61:2']);
});

test('long datagrams go alone', async () => {
  expect(
    await send([
      [0, 1001],
      [0, 1001],
      [0, 1000],
      [0, 1000],
    ]),
  ).toBe(3);
});

test('a message holds no more than the kernel cuts', async () => {
  expect(await send(Array.from({ length: 65 }, () => [0, 1000] as const))).toBe(2);
});

test('IPv6', async () => {
  expect(
    await send(
      [
        [2, 70],
        [2, 70],
      ],
      { family: AF_INET6 },
    ),
  ).toBe(1);
  expect(received).toEqual(['2:70:0', '2:70:1']);
});

test('each alone where it is switched off', async () => {
  const two = [
    [0, 90],
    [0, 90],
  ] as const;
  expect(await send(two, { isSegmenting: false })).toBe(2);
});

test('unfolded, each of a message and of those behind it goes alone', async () => {
  const six = [0, 1, 0, 1, 0, 1].map((client) => [client, 90] as const);
  expect(await send(six, { unfoldsAt: 1 })).toBe(4);
  expect(received.sort()).toEqual(['0:90:0', '0:90:2', '0:90:4', '1:90:1', '1:90:3', '1:90:5']);
});
