import { describe, expect, test } from 'vitest';
import type { Query } from '../../../src/dns/query.ts';
import { Log } from '../../../src/log/log.ts';
import { MissQueue, MissQueueStage } from '../../../src/plugins/miss-queue.ts';
import { type Done, failed, type Stage } from '../../../src/plugins/stage.ts';
import { Throttle } from '../../../src/plugins/throttle.ts';
import { FakeClock, makeQuery } from '../../helpers/cache-fixture.ts';

const CLIENT = '10.0.0.9';

/** A queue in front of a stage that notes who was started; `turn` lets the event loop turn once. */
function makeQueue(next?: Stage) {
  const turns: (() => void)[] = [];
  const queue = new MissQueue((turn) => turns.push(turn));
  const lines: string[] = [];
  const clock = new FakeClock();
  const throttle = new Throttle({ log: new Log((line) => lines.push(line)), clock });
  const started: string[] = [];
  const noting: Stage = {
    resolve: (query) => started.push(`${query.client.address} ${query.name}`),
  };
  const stage = new MissQueueStage({ queue, throttle, next: next ?? noting });
  const outcomes: number[] = [];
  const done: Done = ({ rcode }) => outcomes.push(rcode);
  /** Queries that come in together. */
  const batch = (client: string, count: number) => {
    const first = makeQuery({ name: 'n0.test', client });
    for (let i = 0; i < count; i++) {
      const query = makeQuery({ name: `n${i}.test`, client });
      stage.resolve(sameTime(query, first.receivedAtMs), done);
    }
  };
  const turn = () => {
    for (const run of turns.splice(0)) run();
  };
  return { queue, throttle, started, outcomes, lines, clock, batch, turn, turns };
}

function sameTime(query: Query, receivedAtMs: number): Query {
  return Object.assign(query, { receivedAtMs });
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
    batch('10.0.0.1', 3);
    batch('10.0.0.2', 1);
    started.length = 0;
    turn();
    const others = started.filter((line) => !line.startsWith(CLIENT));
    expect(others).toHaveLength(4);
    expect(started).toHaveLength(16);
  });

  test('beyond the share of their client are refused at once', () => {
    const { throttle, outcomes, batch } = makeQueue();
    batch(CLIENT, 2000);
    expect(outcomes).toHaveLength(2000 - 16 - 820);
    expect(new Set(outcomes)).toEqual(new Set([5]));
    expect(throttle.counts).toEqual({ processor: outcomes.length, question: 0, upstream: 0 });
    batch('10.0.0.1', 10);
    expect(outcomes).toHaveLength(2000 - 16 - 820);
  });
});

test('a client that is refused is named once a minute', () => {
  const { lines, clock, batch } = makeQueue();
  batch(CLIENT, 2000);
  clock.advance(59);
  batch(CLIENT, 10);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(CLIENT);
  clock.advance(1);
  batch(CLIENT, 10);
  expect(lines).toHaveLength(2);
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
