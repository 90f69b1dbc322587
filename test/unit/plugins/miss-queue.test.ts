import { describe, expect, test } from 'vitest';
import { MissQueue } from '../../../src/plugins/miss-queue.ts';
import { type Done, failed, type Stage } from '../../../src/plugins/stage.ts';
import { makeQuery } from '../../helpers/cache-fixture.ts';

const CLIENT = '10.0.0.9';

/** A queue in front of a stage that notes who was started; `turn` lets the event loop turn once. */
function makeQueue(stage?: Stage) {
  const turns: (() => void)[] = [];
  const pauses: (() => void)[] = [];
  const queue = new MissQueue({
    soon: (turn) => turns.push(turn),
    afterPause: (turn) => pauses.push(turn),
  });
  const started: string[] = [];
  const noting: Stage = {
    resolve: (query) => started.push(`${query.client.address} ${query.name}`),
  };
  const next = stage ?? noting;
  const outcomes: number[] = [];
  const done: Done = ({ rcode }) => outcomes.push(rcode);
  /** Queries that come in together. Returns how many were let in. */
  const batch = (client: string, count: number): number => {
    const { receivedAtMs } = makeQuery({ name: 'n.test' });
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const query = Object.assign(makeQuery({ name: `n${i}.test`, client }), { receivedAtMs });
      if (queue.run(query, next, done)) taken++;
    }
    return taken;
  };
  const turn = () => {
    for (const run of turns.splice(0)) run();
  };
  /** Lets FLOOD_PAUSE_MS go by. */
  const pause = () => {
    for (const run of pauses.splice(0)) run();
  };
  return { queue, started, outcomes, batch, turn, turns, pause, pauses };
}

describe('misses', () => {
  test('that come in small numbers are started on the spot', () => {
    const { started, turns, batch } = makeQueue();
    for (let i = 0; i < 10; i++) batch(CLIENT, 16);
    expect(started).toHaveLength(160);
    expect(turns).toEqual([]);
  });

  test('that come together are started some in each turn, in their order', () => {
    const { queue, started, turns, batch, turn } = makeQueue();
    batch(CLIENT, 40);
    expect(started).toHaveLength(16);
    expect(queue.length).toBe(24);
    turn();
    expect(started).toHaveLength(32);
    turn();
    expect(started).toEqual(Array.from({ length: 40 }, (_, i) => `${CLIENT} n${i}.test.`));
    expect(turns).toEqual([]);
    expect(queue.length).toBe(0);
  });

  test('of clients that ask for little do not wait behind those of one that asks for much', () => {
    const { started, batch, turn } = makeQueue();
    batch(CLIENT, 500);
    turn();
    batch('10.0.0.1', 3);
    batch('10.0.0.2', 1);
    started.length = 0;
    turn();
    const others = started.filter((line) => !line.startsWith(CLIENT));
    expect(others).toHaveLength(4);
    expect(started).toHaveLength(16);
  });

  test('are begun slowly once some were refused, until half of the queue is free', () => {
    const { queue, started, batch, turn, turns, pause, pauses } = makeQueue();
    batch(CLIENT, 2000);
    turn();
    started.length = 0;
    pause();
    expect(started).toHaveLength(4);
    batch('10.0.0.1', 3);
    pause();
    expect(started.filter((line) => line.startsWith('10.0.0.1'))).toHaveLength(2);
    while (pauses.length > 0) pause();
    expect(queue.length).toBeGreaterThan(500);
    expect(queue.length).toBeLessThan(512);
    turn();
    expect(turns).toHaveLength(1);
  });

  test('beyond the share of their client are not let in, those of others are', () => {
    const { queue, batch, turn, pause } = makeQueue();
    expect(batch(CLIENT, 2000)).toBe(16 + 820);
    expect(queue.isPressed).toBe(true);
    expect(queue.hasRoom(CLIENT)).toBe(false);
    expect(queue.hasRoom('10.0.0.1')).toBe(true);
    expect(batch('10.0.0.1', 10)).toBe(10);
    turn();
    for (let i = 0; i < 10; i++) pause();
    expect(queue.hasRoom(CLIENT)).toBe(true);
  });
});

test('a stage that throws in a later turn fails its own query only', () => {
  let calls = 0;
  const { outcomes, batch, turn } = makeQueue({
    resolve: (_query, done) => {
      if (++calls === 18) throw new Error('broken stage');
      done(failed(0, ''));
    },
  });
  batch(CLIENT, 20);
  turn();
  expect(outcomes).toHaveLength(20);
  expect(outcomes.filter((rcode) => rcode === 2)).toHaveLength(1);
});
