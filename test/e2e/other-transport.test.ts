/** An answer that comes over the transport that its question did not take is none. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket as Stream } from 'node:net';
import packet from 'dns-packet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frame, readFrames } from '../helpers/framing.ts';
import { freePort } from '../helpers/free-port.ts';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const RIGHT = '192.0.2.1';
const FORGED = '192.0.2.66';
/** How long the right answer is behind the forged one. */
const LATE_MS = 50;

let port = 0;
let datagrams: Socket;
let streams: Server;
/** Where the last question of each transport came from. */
let from: RemoteInfo | null = null;
let stream: Stream | null = null;

function answer(query: Buffer, data: string): Buffer {
  const { id = 0, questions = [] } = packet.decode(query);
  const answers = [{ name: questions[0].name, type: 'A' as const, ttl: 60, data }];
  return packet.encode({ type: 'response', id, questions, answers });
}

beforeEach(async () => {
  port = await freePort();
  datagrams = createSocket('udp4');
  datagrams.on('message', (query, sender) => {
    from = sender;
    stream?.write(frame(answer(query, FORGED)));
    const right = answer(query, RIGHT);
    setTimeout(() => datagrams.send(right, sender.port, sender.address), LATE_MS);
  });
  datagrams.bind(port, '127.0.0.1');
  await once(datagrams, 'listening');
  streams = createServer((socket) => {
    stream = socket;
    socket.on('error', () => {});
    readFrames(socket, (query) => {
      if (from !== null) datagrams.send(answer(query, FORGED), from.port, from.address);
      setTimeout(() => socket.write(frame(answer(query, RIGHT))), LATE_MS);
    });
  });
  streams.listen(port, '127.0.0.1');
  await once(streams, 'listening');
});

afterEach(() => {
  from = null;
  stream = null;
  datagrams.close();
  streams.close();
});

async function ignored(daemon: RunningDaemon): Promise<number> {
  const metrics = await daemon.scrape();
  return Number(/^nodelocaldns_upstream_ignored_total\{.*"id".*\} (\d+)$/m.exec(metrics)?.[1]);
}

test.each([
  ['udp', 'tcp'],
  ['tcp', 'udp'],
] as const)(
  'what answers over %s a question asked over %s is ignored and counted',
  async (other, transport) => {
    const daemon = await startDaemon({
      corefile: `.:{PORT} {
    cache 30
    bind 127.0.0.1
    forward . 127.0.0.1:${port}
    prometheus 127.0.0.1:{METRICS}
}
`,
    });
    // Leaves a port or a connection open, for the forged answer to come by.
    expect((await daemon.ask('first.test', 'A', { transport: other }))?.rcode).toBe('NOERROR');
    const before = await ignored(daemon);
    const reply = await daemon.ask('a.test', 'A', { transport });
    expect(reply?.answer).toEqual([`a.test 30 IN A ${RIGHT}`]);
    expect(await ignored(daemon)).toBeGreaterThan(before);
    // Nor is it kept.
    const again = await daemon.ask('a.test', 'A', { transport: other });
    expect(again?.answer).toEqual([expect.stringContaining(RIGHT)]);
  },
);
