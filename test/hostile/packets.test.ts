/** Messages that no resolver sends, at full rate, while others are served. */
import { createSocket, type Socket } from 'node:dgram';
import packet from 'dns-packet';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Rule } from '../golden/scenario.ts';
import { numbers } from '../helpers/cluster-names.ts';
import { askTcp, askUdp } from '../helpers/dns-client.ts';
import { RULES, type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const SEED = 20_260_731;
const HEADER_LENGTH = 12;
const FLAG_QR = 0x80;

/** A query for `a.example`, as many clients send it. */
const QUERY = queryFor('a.example');

/** Messages that are wrong, each in its own way. */
const WRONG: Readonly<Record<string, Buffer>> = {
  empty: Buffer.alloc(0),
  'one octet': Buffer.alloc(1),
  'a header cut short': QUERY.subarray(0, 11),
  'a header alone': QUERY.subarray(0, HEADER_LENGTH),
  'a question cut short': QUERY.subarray(0, QUERY.length - 3),
  'a name that points to itself': questionOf(Buffer.from('c00c', 'hex')),
  'a name that points forward': questionOf(Buffer.from('c0ff', 'hex')),
  'two names that point to each other': questionOf(Buffer.from('c00ec00c', 'hex')),
  'a label of a reserved kind': questionOf(Buffer.from('8001', 'hex')),
  'a name of 256 octets': questionOf(nameOf([63, 63, 63, 62, 1])),
  'a name of 300 labels': questionOf(nameOf(Array(300).fill(1))),
  'no questions': withCounts(0, 0, 0, 0),
  'two questions': withCounts(2, 0, 0, 0),
  'counts without records': withCounts(1, 0xffff, 0xffff, 0xffff),
  'an OPT record cut short': Buffer.concat([
    withCounts(1, 0, 0, 1),
    Buffer.from('0000290200', 'hex'),
  ]),
  'two OPT records': Buffer.concat([
    withCounts(1, 0, 0, 2),
    Buffer.from('0000290200000000000000'.repeat(2), 'hex'),
  ]),
  'an OPT record of a later version': Buffer.concat([
    withCounts(1, 0, 0, 1),
    Buffer.from('0000290200000100000000', 'hex'),
  ]),
  'an option longer than its record': Buffer.concat([
    withCounts(1, 0, 0, 1),
    Buffer.from('00002902000000000000040003ffff', 'hex'),
  ]),
  update: withOpcode(5),
  'an opcode of nobody': withOpcode(15),
  '60,000 octets behind a question': Buffer.concat([QUERY, Buffer.alloc(60_000, 0xc0)]),
};

describe('a daemon', () => {
  test('survives garbage at full rate, and serves others meanwhile', {
    timeout: 60_000,
  }, async () => {
    const daemon = await startDaemon();
    const random = numbers(SEED);
    const { socket } = await openClient(daemon);
    const served: unknown[] = [];
    for (let burst = 0; burst < 20; burst++) {
      for (let i = 0; i < 1000; i++) socket.send(garbage(random), daemon.ports.dns, '127.0.0.1');
      served.push((await daemon.ask('a.example', 'A'))?.answer);
    }
    expect(served).toEqual(
      Array(20).fill([expect.stringMatching(/^a\.example \d+ IN A 10\.0\.0\.1$/)]),
    );
    expect(daemon.process.exit).toBeNull();
    expect(daemon.process.output).not.toContain('panic');
    expect(await daemon.scrape()).toContain('coredns_panics_total 0');
  });

  test('says nothing to responses, its own included: two of them never talk in circles', async () => {
    const { client, daemon } = await start();
    const own = await client.exchange(QUERY);
    const refusal = await client.exchange(Buffer.concat([QUERY.subarray(0, 20)]));
    for (const reply of [own, refusal]) {
      expect(reply).not.toBeNull();
      expect(await client.exchange(reply as Buffer, 300)).toBeNull();
    }
    const flagged = Buffer.from(QUERY);
    flagged[2] |= FLAG_QR;
    expect(await client.exchange(flagged, 300)).toBeNull();
    expect((await daemon.ask('a.example', 'A'))?.rcode).toBe('NOERROR');
  });

  test('answers what is wrong with no more octets than it came with', async () => {
    const { client, daemon } = await start();
    for (const [what, message] of Object.entries(WRONG)) {
      // Each from a port of its own: a late reply is not taken for another one's.
      const reply = await askUdp(daemon.ports.dns, message, 300);
      expect(reply?.length ?? 0, what).toBeLessThanOrEqual(Math.max(message.length, HEADER_LENGTH));
    }
    // None of it took anything down.
    expect((await client.exchange(QUERY))?.length).toBeGreaterThan(QUERY.length);
  });

  test('sends no more over UDP than 512 octets to a client that says nothing else', async () => {
    const answer = Array.from({ length: 100 }, (_, i) => `big.example. 60 IN A 10.0.0.${i}`);
    const { client } = await start([{ name: 'big.example.', type: 'A', reply: { answer } }]);
    const reply = await client.exchange(queryFor('big.example'));
    expect(reply?.length).toBeLessThanOrEqual(512);
    const decoded = packet.decode(reply as Buffer);
    expect((decoded as { flag_tc?: boolean }).flag_tc).toBe(true);
  });

  test('answers the longest name there can be, and names of the most labels', async () => {
    const { client } = await start();
    const longest = [63, 63, 63, 61].map((length) => 'x'.repeat(length)).join('.');
    const deepest = Array(127).fill('y').join('.');
    for (const name of [longest, deepest]) {
      const reply = await client.exchange(queryFor(name));
      expect(reply && packet.decode(reply).questions?.[0].name).toBe(name);
    }
  });

  test('takes the same over TCP: each ends its own connection at most', async () => {
    const daemon = await startDaemon();
    for (const message of Object.values(WRONG)) {
      if (message.length < 0x10000) await askTcp(daemon.ports.dns, [message], 300);
    }
    const [reply] = await askTcp(daemon.ports.dns, [QUERY]);
    expect(packet.decode(reply).answers).toHaveLength(1);
  });
});

async function start(rules: readonly Rule[] = RULES) {
  const daemon = await startDaemon({ rules });
  return { daemon, client: await openClient(daemon) };
}

/** A socket that sends to the daemon. */
async function openClient(daemon: RunningDaemon) {
  const socket: Socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => void socket.close());
  /** The first datagram that comes back; null when none does in time. */
  const exchange = (message: Buffer, waitMs = 5000) =>
    new Promise<Buffer | null>((resolve) => {
      const timer = setTimeout(() => {
        socket.removeAllListeners('message');
        resolve(null);
      }, waitMs);
      socket.once('message', (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      socket.send(message, daemon.ports.dns, '127.0.0.1');
    });
  return { socket, exchange };
}

function queryFor(name: string): Buffer {
  const questions = [{ name, type: 'A' as const }];
  return packet.encode({ type: 'query', id: 7, flags: packet.RECURSION_DESIRED, questions });
}

/** Random octets, or a good query with some of them changed or cut off. */
function garbage(random: () => number): Buffer {
  const octet = () => Math.floor(random() * 256);
  if (random() < 0.5) return Buffer.from(Array.from({ length: Math.floor(random() * 80) }, octet));
  const copy = Buffer.from(QUERY);
  for (let i = 0; i < 3; i++) copy[Math.floor(random() * copy.length)] = octet();
  return random() < 0.3 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy;
}

function questionOf(name: Buffer): Buffer {
  return Buffer.concat([QUERY.subarray(0, HEADER_LENGTH), name, Buffer.from('00010001', 'hex')]);
}

function nameOf(lengths: readonly number[]): Buffer {
  const labels = lengths.map((length) => Buffer.from([length, ...Array(length).fill(0x78)]));
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}

function withCounts(...counts: readonly [number, number, number, number]): Buffer {
  const copy = Buffer.from(QUERY);
  for (const [i, count] of counts.entries()) copy.writeUInt16BE(count, 4 + 2 * i);
  return copy;
}

function withOpcode(opcode: number): Buffer {
  const copy = Buffer.from(QUERY);
  copy[2] = (copy[2] & 0x87) | (opcode << 3);
  return copy;
}
