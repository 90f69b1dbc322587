import { describe, expect, test } from 'vitest';
import {
  answerAll,
  type Closing,
  finishConnections,
  untilQuiet,
} from '../../../src/daemon/closing.ts';
import { monotonicClock } from '../../../src/log/clock.ts';

/** A listener with so many queries in flight and connections, which end one per look. */
class FakeEndpoint implements Closing {
  received = 0;
  connections = 0;
  drained = false;
  #waiting = 0;

  constructor(waiting = 0, connections = 0) {
    this.#waiting = waiting;
    this.connections = connections;
  }

  get inFlight(): number {
    return this.drained && this.#waiting > 0 ? this.#waiting-- : this.#waiting;
  }

  finishConnections(): number {
    return this.connections === 0 ? 0 : --this.connections;
  }

  drain(): void {
    this.drained = true;
  }
}

/** A clock that goes on by `stepMs` with each look at it. */
const steps = (stepMs: number) => {
  let nowMs = 0;
  return {
    nowMs: () => {
      nowMs += stepMs;
      return nowMs;
    },
  };
};

describe('answerAll', () => {
  test('drains every listener, then waits for what is in flight', async () => {
    const endpoints = [new FakeEndpoint(2), new FakeEndpoint(3)];
    await answerAll(endpoints, monotonicClock);
    expect(endpoints.map(({ drained, inFlight }) => [drained, inFlight])).toEqual([
      [true, 0],
      [true, 0],
    ]);
  });

  test('gives up on an answer that does not come', async () => {
    const endpoint = new FakeEndpoint(1_000_000);
    await answerAll([endpoint], steps(1000));
    expect(endpoint.inFlight).toBeGreaterThan(0);
  });
});

describe('finishConnections', () => {
  test('asks again until none is left', async () => {
    const endpoints = [new FakeEndpoint(0, 3), new FakeEndpoint(0, 1)];
    await finishConnections(endpoints, monotonicClock);
    expect(endpoints.map(({ connections }) => connections)).toEqual([0, 0]);
  });

  test('does not wait for a client that never ends', async () => {
    const endpoint = new FakeEndpoint(0, 1_000_000);
    await finishConnections([endpoint], steps(200));
    expect(endpoint.connections).toBeGreaterThan(0);
  });
});

describe('untilQuiet', () => {
  test('does not wait at all without a delay', async () => {
    const clock = { nowMs: () => 0 };
    await untilQuiet([new FakeEndpoint()], { delayMs: 0, isOver: () => false }, clock);
  });

  test('ends when nobody has asked for five seconds', async () => {
    const clock = steps(500);
    await untilQuiet([new FakeEndpoint()], { delayMs: 60_000, isOver: () => false }, clock);
    const tookMs = clock.nowMs();
    expect(tookMs).toBeGreaterThan(5000);
    expect(tookMs).toBeLessThan(10_000);
  });

  test('goes on while someone asks, until the delay is over', async () => {
    const endpoint = new FakeEndpoint();
    Object.defineProperty(endpoint, 'received', { get: () => Math.random() });
    const clock = steps(500);
    await untilQuiet([endpoint], { delayMs: 8000, isOver: () => false }, clock);
    expect(clock.nowMs()).toBeGreaterThan(8000);
  });

  test('ends when another instance serves', async () => {
    const clock = steps(500);
    await untilQuiet([new FakeEndpoint()], { delayMs: 60_000, isOver: () => true }, clock);
    expect(clock.nowMs()).toBeLessThan(5000);
  });
});
