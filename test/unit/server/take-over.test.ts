import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { frame } from '../../../src/dns/framing.ts';
import { Log } from '../../../src/log/log.ts';
import type { Listener } from '../../../src/server/listener.ts';
import { ListenerFactory } from '../../../src/server/listener-factory.ts';
import { ECHO, FakeHandler, query } from './fake-handler.ts';

describe.each(['udp', 'tcp'] as const)('takeOver of %s', (transport) => {
  const listeners: Listener[] = [];
  const clock = { nowMs: () => performance.now() };

  afterEach(async () => {
    for (const listener of listeners.splice(0)) await listener.stop();
  });

  /** One more instance on the port. */
  async function open(port: number): Promise<{ handler: FakeHandler; listener: Listener }> {
    const handler = new FakeHandler();
    const factory = new ListenerFactory({ udpSegments: true }, { log: new Log(() => {}), clock });
    const listener = factory[transport]({ address: '127.0.0.1', port }, handler);
    await listener.start();
    listeners.push(listener);
    return { handler, listener };
  }

  function take(listener: Listener): boolean {
    const factory = new ListenerFactory({ udpSegments: true }, { log: new Log(() => {}), clock });
    return factory.takeOver(listener, '127.0.0.1');
  }

  /** Twenty clients ask, each from a port of its own; waits until somebody has heard them all. */
  async function askTwenty(port: number, ...handlers: FakeHandler[]): Promise<number[]> {
    const count = () => handlers.reduce((sum, handler) => sum + handler.received.length, 0);
    const before = handlers.map((handler) => handler.received.length);
    const expected = count() + 20;
    for (let i = 0; i < 20; i++) sendOne(port);
    while (count() < expected) await sleep(1);
    return handlers.map((handler, i) => handler.received.length - before[i]);
  }

  function sendOne(port: number): void {
    if (transport === 'udp') {
      const socket = createSocket('udp4');
      socket.on('message', () => socket.close());
      socket.send(query(ECHO, 1), port, '127.0.0.1');
    } else {
      const socket = connect(port, '127.0.0.1', () => socket.write(frame(query(ECHO, 1))));
      socket.on('data', () => socket.end());
    }
  }

  test('has nothing to take when it is alone', async () => {
    const { listener } = await open(0);
    expect(take(listener)).toBe(false);
  });

  test('gives all that is new to the youngest, through one replacement after another', async () => {
    let old = await open(0);
    const { port } = old.listener;
    for (let generation = 0; generation < 3; generation++) {
      const young = await open(port);
      expect(take(young.listener)).toBe(true);
      expect(await askTwenty(port, old.handler, young.handler)).toEqual([0, 20]);
      old.listener.drain();
      await old.listener.stop();
      expect(await askTwenty(port, young.handler)).toEqual([20]);
      old = young;
    }
  });

  test('works with more than one before it', async () => {
    const first = await open(0);
    const { port } = first.listener;
    const second = await open(port);
    const third = await open(port);
    expect(take(third.listener)).toBe(true);
    expect(await askTwenty(port, first.handler, second.handler, third.handler)).toEqual([0, 0, 20]);
  });
});
