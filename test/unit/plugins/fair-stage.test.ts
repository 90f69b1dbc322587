import { expect, test } from 'vitest';
import { FairShare } from '../../../src/cache/fair-share.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import { FairStage, shareFairly } from '../../../src/plugins/fair-stage.ts';
import { forward } from '../../../src/plugins/forward.ts';
import { MissQueue } from '../../../src/plugins/miss-queue.ts';
import { type Done, failed, type HitPath, type Stage } from '../../../src/plugins/stage.ts';
import { lastingThrottle } from '../../../src/plugins/throttle.ts';
import { FakeClock, makeQuery, viewOf } from '../../helpers/cache-fixture.ts';
import { makeContext, parseWith } from '../../helpers/directive.ts';

const GREEDY = '10.0.0.9';
const OTHER = '10.0.0.1';
const SHARE = 10;

/** A stage in front of upstreams that answer when the test says so. */
function makeStage() {
  const { context } = makeContext({ catalogue: new Catalogue() });
  const { catalogue } = context;
  const upstream: Done[] = [];
  const turns: (() => void)[] = [];
  const later = (turn: () => void) => void turns.push(turn);
  const throttle = lastingThrottle(catalogue, { log: context.log, clock: new FakeClock() });
  const stage = new FairStage({
    share: new FairShare(SHARE),
    queue: new MissQueue({ nowMs: () => 0, soon: later, afterPause: later }),
    throttle,
    next: { resolve: (_query, done) => void upstream.push(done) },
  });
  /** Response codes so far. */
  const ask = (client: string, count: number): number[] => {
    const rcodes: number[] = [];
    for (let i = 0; i < count; i++) {
      const query = makeQuery({ name: `n${i}.test`, client });
      stage.resolve(query, ({ rcode }) => rcodes.push(rcode));
    }
    return rcodes;
  };
  return { stage, ask, upstream, throttle };
}

test('a client may have four fifths of all that wait for upstreams, and others find room', () => {
  const { ask, upstream, throttle } = makeStage();
  expect(ask(GREEDY, SHARE)).toEqual([5, 5]);
  expect(ask(OTHER, 1)).toEqual([]);
  expect(upstream).toHaveLength(9);
  expect(throttle.counts).toEqual({ processor: 0, question: 0, upstream: 2 });
});

test('an answer makes room for another question', () => {
  const { ask, upstream } = makeStage();
  const rcodes = ask(GREEDY, 8);
  upstream[0](failed(3, ''));
  expect(rcodes).toEqual([3]);
  expect(ask(GREEDY, 1)).toEqual([]);
  expect(ask(GREEDY, 1)).toEqual([5]);
});

test('queries of a client that has its share are refused before they are copied', () => {
  const { stage, ask, throttle } = makeStage();
  const path: HitPath = stage;
  const sheds = (client: string) => {
    const query = makeQuery({ name: 'n.test', client });
    return path.sheds(viewOf({ name: 'n.test' }), 0, path.countersFor(''), query.client);
  };
  expect(path.isPressed).toBe(false);
  ask(GREEDY, 8);
  expect(path.isPressed).toBe(true);
  expect([sheds(GREEDY), sheds(OTHER)]).toEqual([true, false]);
  expect(throttle.counts.upstream).toBe(1);
});

test('shares of a block are shown while it is in force', async () => {
  const { context, generation } = makeContext();
  const end: Stage = { resolve: () => {} };
  const stage = shareFairly(context, end);
  await generation.start();
  stage.resolve(makeQuery({ name: 'a.test' }), () => {});
  expect(await expose(context.catalogue)).toContain(
    'nodelocaldns_misses_waiting{for="upstream"} 1',
  );
  await generation.stop();
});

test.each([
  [['forward'], true],
  [['cache', 'forward'], false],
])('forward shares by itself in a block with %j: %s', async (handlerNames, expected) => {
  const offered: HitPath[] = [];
  const { context, generation } = makeContext({
    handlerNames,
    offerHitPath: (path) => offered.push(path),
  });
  const end: Stage = { resolve: () => {} };
  const stage = forward.stage?.(parseWith(forward, 'forward . 127.0.0.1'), context, end);
  expect(stage instanceof FairStage).toBe(expected);
  expect(offered).toHaveLength(expected ? 1 : 0);
  await generation.stop();
});
