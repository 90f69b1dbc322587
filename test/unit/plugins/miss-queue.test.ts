import { describe, expect, test } from 'vitest';
import { MissQueue } from '../../../src/plugins/miss-queue.ts';
import { type Done, failed, type Stage } from '../../../src/plugins/stage.ts';
import { makeQuery } from '../../helpers/cache-fixture.ts';

const CLIENT = '10.0.0.9';

/** A queue in front of a stage that notes who was started; `turn` lets the event loop turn once. */
function makeQueue(stage?: Stage) {
  const turns: (() => void)[] = [];
  const pauses: (() => void)[] = [];
  let nowMs = 0;
  const queue = new MissQueue({
    nowMs: () => nowMs,
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
  /** Lets the pause between slow turns go by, or a longer time when the timer is late. */
  const pause = (ms = 1) => {
    nowMs += ms;
    for (const run of pauses.splice(0)) run();
  };
  const turnAll = () => {
    while (turns.length > 0) turn();
  };
  return { queue, started, outcomes, batch, turn, turnAll, turns, pause, pauses };
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

  test('of a client that had some refused are begun one each millisecond, once most of them are', () => {
    const { queue, started, batch, turnAll, pause, pauses } = makeQueue();
    batch(CLIENT, 2000);
    turnAll();
    expect(queue.length).toBe(128);
    started.length = 0;
    pause();
    expect(started).toHaveLength(1);
    pause(5);
    expect(started).toHaveLength(6);
    expect(batch(CLIENT, 10)).toBe(6);
    while (pauses.length > 0) pause(16);
    expect(queue.length).toBe(0);
    expect(queue.isPressed).toBe(false);
  });

  test('of others are begun as ever meanwhile', () => {
    const { started, batch, turn, turnAll } = makeQueue();
    batch(CLIENT, 2000);
    turnAll();
    started.length = 0;
    expect(batch('10.0.0.1', 40)).toBe(40);
    turn();
    turn();
    turn();
    expect(started).toEqual(Array.from({ length: 40 }, (_, i) => `10.0.0.1 n${i}.test.`));
  });

  test('of several such clients are begun one each, in turns', () => {
    const { started, batch, turnAll, pause } = makeQueue();
    for (const client of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) batch(client, 2000);
    turnAll();
    batch('10.0.0.3', 2000);
    turnAll();
    started.length = 0;
    pause();
    expect(started.map((line) => line.split(' ')[0]).sort()).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
    ]);
  });

  test.each([
    [1200, false],
    [1400, true],
  ])('%i more in 250 ms: the client is slowed down still: %s', (count, isSlow) => {
    const { queue, batch, turnAll, pause } = makeQueue();
    batch(CLIENT, 840);
    turnAll();
    batch(CLIENT, count);
    pause(250);
    batch(CLIENT, 1);
    turnAll();
    expect(queue.isPressed).toBe(isSlow);
  });

  test('beyond the share of their client are not let in, those of others are', () => {
    const { queue, batch, turnAll, pause } = makeQueue();
    expect(batch(CLIENT, 2000)).toBe(16 + 820);
    expect(queue.isPressed).toBe(true);
    expect(queue.hasRoom(CLIENT)).toBe(false);
    expect(queue.hasRoom('10.0.0.1')).toBe(true);
    expect(batch('10.0.0.1', 10)).toBe(10);
    turnAll();
    expect(queue.hasRoom(CLIENT)).toBe(false);
    pause();
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
