/** An upstream path on which somebody answers first: what is forged is neither believed nor kept. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import packet from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frame, readFrames } from '../helpers/framing.ts';
import { freePort } from '../helpers/free-port.ts';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const RIGHT = '192.0.2.1';
const FORGED = '192.0.2.66';
/** How long the right answer is behind the forged ones. */
const LATE_MS = 30;

let port = 0;
let upstream: Socket;
let streams: Server;
/** On another port, and at another address of the same machine. */
let strangers: Socket[] = [];
/** Questions over UDP with the letters they had. */
let asked: string[] = [];
/** Whether the upstream gives letters back as they came. */
let keepsLetters = true;

type Change = (reply: Record<string, unknown> & { id: number }, name: string) => void;
/** Every way to be wrong that has the right ID or the right question. */
const FORGERIES: readonly Change[] = [
  (reply) => Object.assign(reply, { id: reply.id ^ 1 }),
  (reply) => Object.assign(reply, { questions: [{ name: 'victim.test', type: 'A' }] }),
  (reply, name) => Object.assign(reply, { questions: [{ name, type: 'TXT' }] }),
  (reply, name) => Object.assign(reply, { questions: [{ name, type: 'A', class: 'CH' }] }),
  (reply) => Object.assign(reply, { type: 'query' }),
  (reply) => Object.assign(reply, { questions: [] }),
];

const NONE: Change = () => {};

function answer(query: Buffer, address: string, change = NONE, name = nameIn(query)): Buffer {
  const { id = 0 } = packet.decode(query);
  const answers = [{ name, type: 'A' as const, ttl: 60, data: address }];
  const victims = [{ name: 'victim.test', type: 'A' as const, ttl: 60, data: FORGED }];
  const questions = [{ name, type: 'A' as const }];
  const reply = { type: 'response' as const, id, questions, answers };
  change(reply, name);
  return packet.encode({ ...reply, ...(address === FORGED ? { additionals: victims } : {}) });
}

function nameIn(query: Buffer): string {
  return (packet.decode(query).questions ?? [])[0].name;
}

async function bound(at: number, address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.bind(at, address);
  await once(socket, 'listening');
  return socket;
}

beforeEach(async () => {
  asked = [];
  keepsLetters = true;
  port = await freePort();
  upstream = await bound(port, '127.0.0.1');
  strangers = [await bound(0, '127.0.0.1'), await bound(port, '127.0.0.2')];
  upstream.on('message', (query, from) => {
    const name = nameIn(query);
    asked.push(name);
    const isPlain = name.toLowerCase() === 'victim.test';
    const send = (socket: Socket, reply: Buffer) => socket.send(reply, from.port, from.address);
    if (!isPlain) {
      for (const stranger of strangers) send(stranger, answer(query, FORGED));
      for (const change of FORGERIES) send(upstream, answer(query, FORGED, change));
      send(upstream, Buffer.from(query.subarray(0, 7)));
    }
    const said = keepsLetters ? name : name.toLowerCase();
    setTimeout(send, LATE_MS, upstream, answer(query, RIGHT, NONE, said));
  });
  streams = createServer((socket) => {
    socket.on('error', () => {});
    readFrames(socket, (query) => {
      for (const change of FORGERIES) socket.write(frame(answer(query, FORGED, change)));
      setTimeout(() => socket.write(frame(answer(query, RIGHT))), LATE_MS);
    });
  });
  streams.listen(port, '127.0.0.1');
  await once(streams, 'listening');
});

afterEach(async () => {
  for (const socket of [upstream, ...strangers]) socket.close();
  streams.close();
});

function start(option: string): Promise<RunningDaemon> {
  return startDaemon({
    corefile: `.:{PORT} {
    cache 30
    bind 127.0.0.1
    forward . 127.0.0.1:${port} {
        ${option}
    }
    prometheus 127.0.0.1:{METRICS}
}
`,
  });
}

async function ignored(daemon: RunningDaemon): Promise<Record<string, number>> {
  const lines = (await daemon.scrape()).matchAll(
    /^nodelocaldns_upstream_ignored_total\{.*reason="(\w+)".*\} (\d+)$/gm,
  );
  return Object.fromEntries([...lines].map(([, reason, count]) => [reason, Number(count)]));
}

const address = (name: string) => [`${name} 30 IN A ${RIGHT}`];

describe.each(['prefer_udp', 'randomize_case'])('over UDP with %s', (option) => {
  test('the right answer is awaited, and each forged one counted', async () => {
    const daemon = await start(option);
    expect(await daemon.ask('a.test', 'A')).toMatchObject({ answer: address('a.test') });
    expect(asked).toHaveLength(1);
    expect(await ignored(daemon)).toEqual({ source: 2, id: 1, question: 5, case: 0, malformed: 1 });
  });

  test('nothing is kept under a name that was not asked', async () => {
    const daemon = await start(option);
    await daemon.ask('a.test', 'A');
    expect(await daemon.ask('victim.test', 'A')).toMatchObject({ answer: address('victim.test') });
    expect(asked.map((name) => name.toLowerCase())).toEqual(['a.test', 'victim.test']);
    // From the cache, the same.
    expect(await daemon.ask('a.test', 'A')).toMatchObject({ rcode: 'NOERROR' });
    expect(asked).toHaveLength(2);
  });
});

test('over TCP the right answer is awaited, and each forged one counted', async () => {
  const daemon = await start('force_tcp');
  expect(await daemon.ask('a.test', 'A')).toMatchObject({ answer: address('a.test') });
  expect(await ignored(daemon)).toMatchObject({ source: 0, id: 1, question: 5 });
});

describe('randomize_case', () => {
  const NAME = 'abcdefghijklmnopqrstuvwxyz.test';

  test('asks with letters by chance and gives clients their own', async () => {
    const daemon = await start('randomize_case');
    expect(await daemon.ask(NAME, 'A')).toMatchObject({ answer: address(NAME) });
    const upper = `${NAME[0].toUpperCase()}x.test`;
    expect(await daemon.ask(upper, 'A')).toMatchObject({ answer: address(upper) });
    expect(asked[0].toLowerCase()).toBe(NAME);
    // One time in 2^30 this is wrong.
    expect([NAME, NAME.toUpperCase()]).not.toContain(asked[0]);
  });

  test('an upstream that does not keep letters is asked over TCP', async () => {
    keepsLetters = false;
    const daemon = await start('randomize_case');
    expect(await daemon.ask(NAME, 'A')).toMatchObject({ answer: address(NAME) });
    await sleep(2 * LATE_MS);
    expect(await ignored(daemon)).toMatchObject({ case: 1 });
  });
});
