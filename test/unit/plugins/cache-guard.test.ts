import { describe, expect, test } from 'vitest';
import { failed } from '../../../src/plugins/stage.ts';
import { a, type Reply, soa, startCache } from '../../helpers/cache-fixture.ts';

const GOOD = { rcode: 0, data: ['192.0.2.1'] };
const NXDOMAIN: Reply = { rcode: 'NXDOMAIN', authorities: [soa(30)] };

/** A cache that has just been told an answer of 30 s, and then `reply`, 31 s later. */
async function afterGood(corefile: string, reply: () => Reply | ReturnType<typeof failed>) {
  const fixture = await startCache(corefile);
  fixture.upstream.reply = () => ({ answers: [a(30)] });
  fixture.ask('a.test');
  fixture.clock.advance(31);
  fixture.upstream.reply = reply;
  return fixture;
}

const GUARD = 'cache {\nguard 60s\n}';

describe('a good answer', () => {
  test.each<[string, () => Reply | ReturnType<typeof failed>]>([
    ['NXDOMAIN', () => NXDOMAIN],
    ['nothing of that type', () => ({ authorities: [soa(30)] })],
    ['an empty message', () => ({})],
    ['SERVFAIL', () => ({ rcode: 'SERVFAIL' })],
    ['REFUSED', () => ({ rcode: 'REFUSED' })],
    ['no message at all', () => failed(2, 'i/o timeout')],
  ])('outlives %s', async (_, reply) => {
    const { ask, counters } = await afterGood(GUARD, reply);
    expect(ask('a.test')).toMatchObject({ ...GOOD, ttl: 0 });
    expect(counters).toMatchObject({ guarded: 1, servedStale: 0 });
  });

  test('is given up when the upstream still has none after the time of the guard', async () => {
    const { ask, clock, counters } = await afterGood(GUARD, () => NXDOMAIN);
    clock.advance(58);
    expect(ask('a.test')).toMatchObject(GOOD);
    clock.advance(2);
    expect(ask('a.test')).toMatchObject({ rcode: 3 });
    expect(counters.guarded).toBe(1);
  });

  test('gives way to another good one at once', async () => {
    const { ask } = await afterGood(GUARD, () => ({ answers: [a(30, 2)] }));
    expect(ask('a.test')).toMatchObject({ rcode: 0, data: ['192.0.2.2'], ttl: 30 });
  });

  test('is asked for again once a second meanwhile', async () => {
    const { ask, clock, upstream } = await afterGood(GUARD, () => NXDOMAIN);
    const before = upstream.seen.length;
    for (let i = 0; i < 10; i++) ask('a.test');
    expect(upstream.seen.length).toBe(before + 1);
    clock.advance(1);
    ask('a.test');
    expect(upstream.seen.length).toBe(before + 2);
  });

  test('of another zone, or without a guard, is given up at once', async () => {
    for (const corefile of ['cache {\nguard 60s other.test\n}', 'cache']) {
      const { ask, counters } = await afterGood(corefile, () => NXDOMAIN);
      expect(ask('a.test')).toMatchObject({ rcode: 3 });
      expect(counters.guarded).toBe(0);
    }
  });

  test('that was refreshed before its end is not lost to a denial', async () => {
    const { ask, clock, upstream } = await startCache('cache {\nprefetch 1 1m 50%\nguard 60s\n}');
    upstream.reply = () => ({ answers: [a(30)] });
    for (let i = 0; i < 3; i++) ask('a.test');
    clock.advance(20);
    upstream.reply = () => NXDOMAIN;
    ask('a.test');
    expect(ask('a.test')).toMatchObject(GOOD);
  });
});

test('a denial is not guarded', async () => {
  const { ask, clock, upstream } = await startCache(GUARD);
  upstream.reply = () => NXDOMAIN;
  ask('a.test');
  clock.advance(31);
  upstream.reply = () => ({ rcode: 'SERVFAIL' });
  expect(ask('a.test')).toMatchObject({ rcode: 2 });
});

test('with serve_stale, what is stale is served as stale', async () => {
  const { ask, counters } = await afterGood(
    'cache {\nserve_stale 1h\nguard 60s\n}',
    () => NXDOMAIN,
  );
  expect(ask('a.test')).toMatchObject(GOOD);
  expect(ask('a.test')).toMatchObject(GOOD);
  expect(counters).toMatchObject({ guarded: 0, servedStale: 2 });
});
