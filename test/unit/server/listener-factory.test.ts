import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { monotonicClock } from '../../../src/log/clock.ts';
import { Log } from '../../../src/log/log.ts';
import { ListenerFactory } from '../../../src/server/listener-factory.ts';
import type { LibcResult } from '../../../src/sockets/libc.ts';
import { ECHO, echoed, FakeHandler, query } from './fake-handler.ts';

const options = { address: '127.0.0.1', port: 0 };

function factoryWith(load?: () => LibcResult) {
  const lines: string[] = [];
  const modules = { log: new Log((line) => lines.push(line)), clock: monotonicClock };
  return {
    lines,
    factory: new ListenerFactory({ udpSegments: true }, load ? { ...modules, load } : modules),
  };
}

test('serves without koffi and says so once', async () => {
  const { factory, lines } = factoryWith(() => ({
    libc: null,
    reason: 'no such module\nRequire stack:\n- here',
  }));
  const handler = new FakeHandler();
  const udp = factory.udp(options, handler);
  const tcp = factory.tcp(options, handler);
  await udp.start();
  await tcp.start();
  expect(lines).toEqual([
    '[WARNING] The C library cannot be called: answers cost twice as much, and a hung process is not ended (no such module)',
  ]);
  expect(factory.takeOver(udp, '127.0.0.1')).toBe(false);
  const socket = createSocket('udp4');
  socket.send(query(ECHO, 1), udp.port, '127.0.0.1');
  expect((await once(socket, 'message'))[0]).toEqual(echoed(query(ECHO, 1)));
  socket.close();
  await tcp.stop();
  await udp.stop();
});

test('serves with koffi where it can, without a word', () => {
  const { factory, lines } = factoryWith();
  const handler = new FakeHandler();
  expect(factory.udp(options, handler).constructor.name).toBe('UdpListener');
  expect(factory.tcp(options, handler).constructor.name).toBe('TcpListener');
  expect(lines).toEqual([]);
});
