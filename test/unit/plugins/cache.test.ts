import type packet from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Generation } from '../../../src/daemon/generation.ts';
import { FLAG_AA, FLAG_AD, FLAG_RA, FLAG_TC } from '../../../src/dns/header.ts';
import type { Catalogue } from '../../../src/metrics/catalogue.ts';
import type { MetricName } from '../../../src/metrics/definitions.ts';
import { cache } from '../../../src/plugins/cache.ts';
import { failed, type HitPath } from '../../../src/plugins/stage.ts';
import { a, ns, type Reply, SERVER, soa, startCache, viewOf } from '../../helpers/cache-fixture.ts';
import { FACTS, usesIn } from '../../helpers/directive.ts';

const NXDOMAIN: Reply = { rcode: 'NXDOMAIN', authorities: [soa(60)] };
const SERVFAIL: Reply = { rcode: 'SERVFAIL' };
const [NOERROR_CODE, SERVFAIL_CODE, NXDOMAIN_CODE, REFUSED_CODE] = [0, 2, 3, 5];

describe('a miss', () => {
  test('is answered by the next stage, with the lifetime as TTL and AA as it was', async () => {
    const { ask, upstream, counters } = await startCache('cache 30');
    expect(ask('a.test')).toEqual({
      rcode: NOERROR_CODE,
      ttl: 30,
      data: ['192.0.2.1'],
      aa: false,
      plugin: 'cache',
      error: '',
    });
    expect(upstream.seen).toHaveLength(1);
    expect(counters).toMatchObject({ requests: 1, misses: 1, successHits: 0 });
  });

  test('shows 5 s on what is not stored', async () => {
    const { ask, upstream } = await startCache('cache');
    upstream.reply = () => ({ rcode: 'REFUSED', answers: [a(300)] });
    expect(ask('a.test')).toMatchObject({ rcode: REFUSED_CODE, ttl: 5 });
  });

  test('passes on a failure without message', async () => {
    const { ask, upstream } = await startCache('cache');
    upstream.reply = () => failed(SERVFAIL_CODE, 'i/o timeout');
    const got = { rcode: SERVFAIL_CODE, error: 'i/o timeout', plugin: '' };
    expect(ask('a.test')).toMatchObject(got);
    expect(ask('a.test')).toMatchObject(got);
    expect(upstream.seen).toHaveLength(2);
  });
});

describe('a hit', () => {
  test('has AA and what is left of the TTL, and asks nobody', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache 30');
    ask('a.test');
    clock.advance(1.1);
    expect(ask('A.Test')).toMatchObject({
      ttl: 29,
      data: ['192.0.2.1'],
      aa: true,
      plugin: 'cache',
    });
    clock.advance(28);
    expect(ask('a.test').ttl).toBe(1);
    expect(upstream.seen).toHaveLength(1);
    expect(counters).toMatchObject({ requests: 3, misses: 1, successHits: 2, denialHits: 0 });
  });

  test('is the same down the chain as in the short cut', async () => {
    const { ask, send, clock, counters } = await startCache('cache 30');
    ask('a.test');
    clock.advance(3);
    const short = ask('a.test');
    expect(send({ name: 'a.test' })).toEqual([short]);
    expect(counters).toMatchObject({ requests: 3, misses: 1, successHits: 2 });
  });

  test('becomes a miss when its lifetime is over', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache 30');
    ask('a.test');
    clock.advance(30);
    expect(ask('a.test').ttl).toBe(30);
    expect(upstream.seen).toHaveLength(2);
    expect(counters.misses).toBe(2);
  });

  test('shows the TTL it was stored with under keepttl, and ends all the same', async () => {
    const { ask, upstream, clock } = await startCache('cache 30 {\nkeepttl\n}');
    upstream.reply = () => ({ answers: [a(20)] });
    ask('a.test');
    clock.advance(19.9);
    expect(ask('a.test').ttl).toBe(20);
    clock.advance(0.1);
    ask('a.test');
    expect(upstream.seen).toHaveLength(2);
  });

  test('keeps AD and RA as the upstream had them', async () => {
    const { ask, upstream, path, clock, counters } = await startCache('cache');
    upstream.reply = () => ({ answers: [a(60)], flags: FLAG_AD | FLAG_RA | FLAG_AA });
    ask('a.test');
    const answer = path.hit(
      viewOf({ name: 'a.test', ad: true }),
      { nowMs: clock.nowMs() },
      counters,
    );
    expect(answer && answer.flags & (FLAG_AD | FLAG_RA)).toBe(FLAG_AD | FLAG_RA);
  });
});

describe('what is stored', () => {
  test.each<[string, Reply, string]>([
    ['NXDOMAIN with SOA', NXDOMAIN, 'denialHits'],
    ['no data', { authorities: [soa(60)] }, 'denialHits'],
    ['SERVFAIL', SERVFAIL, 'denialHits'],
    ['NOTIMP', { rcode: 'NOTIMP' }, 'denialHits'],
    ['a delegation', { authorities: [ns(60)] }, 'successHits'],
    ['an empty answer', {}, 'successHits'],
    ['records', { answers: [a(60), a(60, 2)] }, 'successHits'],
  ])('%s', async (_, reply, field) => {
    const { ask, upstream, counters } = await startCache('cache');
    upstream.reply = () => reply;
    const missed = ask('x.test');
    expect(ask('x.test')).toEqual({ ...missed, aa: true });
    expect(upstream.seen).toHaveLength(1);
    expect(counters).toMatchObject({ successHits: 0, denialHits: 0, [field]: 1 });
  });

  test.each<[string, string, Reply]>([
    ['what was cut', 'cache', { answers: [a(60)], flags: FLAG_TC }],
    ['REFUSED', 'cache', { rcode: 'REFUSED' }],
    ['FORMERR', 'cache', { rcode: 'FORMERR' }],
    ['NXDOMAIN without SOA', 'cache', { rcode: 'NXDOMAIN' }],
    ['SERVFAIL with servfail 0', 'cache {\nservfail 0\n}', SERVFAIL],
    ['TTL 0 with MINTTL 0', 'cache {\nsuccess 1000 60 0\n}', { answers: [a(0)] }],
    ['a denial that is disabled', 'cache {\ndisable denial test\n}', NXDOMAIN],
    ['a success that is disabled', 'cache {\ndisable success\n}', { answers: [a(60)] }],
    ['the answer to another name', 'cache', { question: { name: 'y.test', type: 'A' } }],
    ['the answer to another type', 'cache', { question: { name: 'x.test', type: 'AAAA' } }],
  ])('not %s', async (_, corefile, reply) => {
    const { ask, upstream } = await startCache(corefile);
    upstream.reply = () => reply;
    expect(ask('x.test')).toEqual(ask('x.test'));
    expect(upstream.seen).toHaveLength(2);
  });

  test('disabling one class, or other zones, leaves the rest', async () => {
    const { ask, upstream } = await startCache('cache {\ndisable denial\ndisable success other\n}');
    ask('a.test');
    ask('a.test');
    expect(upstream.seen).toHaveLength(1);
  });

  test('a reply that does not match is counted and delivered', async () => {
    const { ask, upstream, counters } = await startCache('cache');
    upstream.reply = () => ({ answers: [a(60)], question: { name: 'y.test', type: 'A' } });
    expect(ask('x.test').data).toEqual(['192.0.2.1']);
    expect(counters.drops).toBe(1);
  });

  test('a name whose letter case the upstream changed matches', async () => {
    const { ask, upstream, counters } = await startCache('cache');
    upstream.reply = () => ({ answers: [a(60)], question: { name: 'X.tEST', type: 'A' } });
    ask('x.test');
    ask('x.test');
    expect(upstream.seen).toHaveLength(1);
    expect(counters.drops).toBe(0);
  });

  test('types, DO and CD have entries of their own, AD has not', async () => {
    const { ask, upstream } = await startCache('cache');
    upstream.reply = ({ type }) => ({
      answers: [type === 'AAAA' ? { type, data: '2001:db8::1' } : a(60)],
    });
    const variants = [
      { name: 'a.test' },
      { name: 'a.test', type: 'AAAA' as const },
      { name: 'a.test', do: true },
      { name: 'a.test', cd: true },
      { name: 'a.test', do: true, cd: true },
    ];
    for (const round of [1, 2])
      for (const variant of variants) ask({ ...variant, ad: round === 2 });
    expect(upstream.seen).toHaveLength(variants.length);
  });

  test('a SERVFAIL lives as long as servfail says', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nservfail 2s\n}');
    upstream.reply = () => SERVFAIL;
    ask('f.test');
    clock.advance(1.9);
    ask('f.test');
    expect(upstream.seen).toHaveLength(1);
    clock.advance(0.1);
    ask('f.test');
    expect(upstream.seen).toHaveLength(2);
  });

  test('the newest answer wins, whatever class it is of', async () => {
    const { ask, upstream, clock } = await startCache(
      'cache {\ndenial 1000 60\nsuccess 1000 10\n}',
    );
    upstream.reply = () => NXDOMAIN;
    expect(ask('a.test').rcode).toBe(NXDOMAIN_CODE);
    clock.advance(60);
    upstream.reply = () => ({ answers: [a(60)] });
    expect(ask('a.test').rcode).toBe(NOERROR_CODE);
    clock.advance(10);
    upstream.reply = () => NXDOMAIN;
    ask('a.test');
    expect(ask('a.test').rcode).toBe(NXDOMAIN_CODE);
  });
});

describe('zones of its own', () => {
  test('keep other names out of the cache and of its counters', async () => {
    const { ask, upstream, counters } = await startCache('cache 30 in.test');
    expect(ask('a.out.test')).toMatchObject({ ttl: 300, plugin: 'forward' });
    ask('a.out.test');
    ask('a.in.test');
    expect(ask('a.in.test').ttl).toBe(30);
    expect(upstream.seen).toHaveLength(3);
    expect(counters).toMatchObject({ requests: 2, misses: 1, successHits: 1 });
  });
});

describe('identical misses', () => {
  test('share one question to the next stage', async () => {
    const { send, upstream, counters } = await startCache('cache');
    upstream.holding = true;
    const waiting = [1, 2, 3].map(() => send({ name: 'a.test' }));
    upstream.release();
    expect(upstream.seen).toHaveLength(1);
    expect(waiting.flat()).toHaveLength(3);
    expect(new Set(waiting.flat().map((got) => JSON.stringify(got))).size).toBe(1);
    expect(counters).toMatchObject({ requests: 3, misses: 3 });
  });

  test('that are too many are turned away, others than those for other names', async () => {
    const { send, upstream, lines } = await startCache('cache');
    upstream.holding = true;
    const waiting = Array.from({ length: 2048 }, () => send({ name: 'a.test' }));
    expect(send({ name: 'a.test' })).toMatchObject([{ rcode: REFUSED_CODE, error: '' }]);
    const other = send({ name: 'b.test' });
    expect(other).toEqual([]);
    upstream.release();
    expect([...waiting, other].every((got) => got.length === 1)).toBe(true);
    expect(lines.filter((line) => line.includes('one question'))).toHaveLength(1);
  });

  test('of one client leave room for those of others', async () => {
    const { send, upstream } = await startCache('cache');
    upstream.holding = true;
    const flood = Array.from({ length: 8000 }, (_, i) => send({ name: `n${i}.test` }));
    const refused = flood.filter(([got]) => got?.rcode === REFUSED_CODE);
    expect(refused).toHaveLength(8000 - 6554);
    expect(send({ name: 'other.test', client: '10.0.0.10' })).toEqual([]);
  });

  test('that may not wait are answered with what is stale', async () => {
    const corefile = 'cache {\nserve_stale 1h verify\n}';
    const { ask, send, upstream, clock } = await startCache(corefile);
    ask('a.test');
    clock.advance(301);
    upstream.holding = true;
    for (let i = 0; i < 6554; i++) send({ name: `n${i}.test` });
    expect(send({ name: 'new.test' })).toMatchObject([{ rcode: REFUSED_CODE }]);
    expect(ask('a.test')).toMatchObject({ rcode: 0, ttl: 0, data: ['192.0.2.1'] });
  });
});

describe('prefetch', () => {
  const replies = (...ttls: number[]) => {
    let asked = 0;
    return () => ({ answers: [a(ttls[asked] ?? 300, ++asked)] });
  };

  test('fetches a popular name shortly before it expires', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache {\nprefetch 1\n}');
    upstream.reply = replies(80, 80);
    ask('a.test');
    clock.advance(71);
    expect(ask('a.test').ttl).toBe(9);
    expect(upstream.seen).toHaveLength(1);
    clock.advance(2);
    expect(ask('a.test')).toMatchObject({ ttl: 7, data: ['192.0.2.1'] });
    expect(upstream.seen).toHaveLength(2);
    clock.advance(7);
    expect(ask('a.test')).toMatchObject({ ttl: 73, data: ['192.0.2.2'] });
    expect(counters).toMatchObject({ prefetches: 1, misses: 1, successHits: 3, requests: 4 });
  });

  test('rounds the share up to a whole second', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nprefetch 1\n}');
    upstream.reply = replies(5, 5);
    ask('a.test');
    clock.advance(3);
    ask('a.test');
    expect(upstream.seen).toHaveLength(1);
    clock.advance(1);
    ask('a.test');
    expect(upstream.seen).toHaveLength(2);
  });

  test('leaves unpopular names alone', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nprefetch 2 10s 90%\n}');
    upstream.reply = replies(80);
    ask('a.test');
    clock.advance(20);
    ask('a.test');
    clock.advance(11);
    ask('a.test');
    expect(upstream.seen).toHaveLength(1);
    clock.advance(10);
    ask('a.test');
    expect(upstream.seen).toHaveLength(2);
  });

  test('is off with amount 0', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nprefetch 0\n}');
    upstream.reply = replies(80);
    ask('a.test');
    clock.advance(79);
    ask('a.test');
    expect(upstream.seen).toHaveLength(1);
  });

  test('happens once, however many ask meanwhile', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache {\nprefetch 1 1m 90%\n}');
    upstream.reply = replies(10, 60);
    ask('a.test');
    clock.advance(5);
    upstream.holding = true;
    for (let i = 0; i < 5; i++) expect(ask('a.test').ttl).toBe(5);
    expect(upstream.seen).toHaveLength(2);
    expect(counters).toMatchObject({ prefetches: 1, successHits: 5 });
    upstream.release();
    expect(ask('a.test').ttl).toBe(60);
  });

  test('hands the number of hits on', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nprefetch 3 1m 90%\n}');
    upstream.reply = replies(10, 10, 10);
    ask('a.test');
    clock.advance(5);
    for (let i = 0; i < 3; i++) ask('a.test');
    expect(upstream.seen).toHaveLength(2);
    clock.advance(5);
    ask('a.test');
    expect(upstream.seen).toHaveLength(3);
  });

  test('that fails leaves the entry, and is not repeated at once', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nprefetch 1 1m 90%\n}');
    upstream.reply = replies(10);
    ask('a.test');
    clock.advance(5);
    upstream.reply = () => SERVFAIL;
    for (let i = 0; i < 3; i++) expect(ask('a.test').rcode).toBe(NOERROR_CODE);
    expect(upstream.seen).toHaveLength(2);
    clock.advance(1);
    ask('a.test');
    expect(upstream.seen).toHaveLength(3);
  });

  test('fills the variant that was asked for', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nprefetch 1\n}');
    upstream.reply = () => ({ answers: [a(80)] });
    ask({ name: 'a.test', do: true });
    ask({ name: 'a.test' });
    clock.advance(75);
    ask({ name: 'a.test', do: true });
    expect(upstream.seen.map(({ dnssecOk }) => dnssecOk)).toEqual([true, false, true]);
    expect(ask({ name: 'a.test' }).ttl).toBe(5);
  });
});

describe('serve_stale immediate', () => {
  const MINUTE = 60;

  test('answers from an expired entry while the upstream is gone, up to the end', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache {\nserve_stale 1h\n}');
    upstream.reply = () => ({ answers: [a(60)] });
    ask('a.test');
    upstream.reply = () => failed(SERVFAIL_CODE, 'unreachable');
    for (let i = 0; i < 2; i++) {
      clock.advance(30 * MINUTE);
      expect(ask('a.test')).toMatchObject({ rcode: NOERROR_CODE, ttl: 0, aa: true });
    }
    clock.advance(10 * MINUTE);
    expect(ask('a.test').rcode).toBe(SERVFAIL_CODE);
    expect(ask('b.test').rcode).toBe(SERVFAIL_CODE);
    expect(counters).toMatchObject({
      requests: 5,
      successHits: 2,
      servedStale: 2,
      prefetches: 2,
      misses: 3,
    });
  });

  test('fetches anew behind the answer, once', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache {\nserve_stale\n}');
    upstream.reply = () => ({ answers: [a(60, upstream.seen.length)] });
    ask('a.test');
    clock.advance(61);
    upstream.holding = true;
    for (let i = 0; i < 4; i++) expect(ask('a.test').data).toEqual(['192.0.2.1']);
    expect(upstream.seen).toHaveLength(2);
    upstream.release();
    expect(ask('a.test')).toMatchObject({ ttl: 60, data: ['192.0.2.2'] });
    expect(counters).toMatchObject({ prefetches: 1, servedStale: 4 });
  });

  test('asks a failed upstream again after a second', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nserve_stale\n}');
    ask('a.test');
    clock.advance(400);
    upstream.reply = () => failed(SERVFAIL_CODE, 'unreachable');
    for (let i = 0; i < 100; i++) ask('a.test');
    expect(upstream.seen).toHaveLength(2);
    clock.advance(1);
    upstream.reply = () => ({ answers: [a(60, 9)] });
    expect(ask('a.test').ttl).toBe(0);
    expect(ask('a.test')).toMatchObject({ ttl: 60, data: ['192.0.2.9'] });
  });

  test('shows the TTL that is configured', async () => {
    const { ask, clock } = await startCache('cache {\nserve_stale 1h immediate 30s\n}');
    ask('a.test');
    clock.advance(3601);
    expect(ask('a.test').ttl).toBe(30);
  });

  test('a stale denial is served once when the upstream has an answer', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nserve_stale\n}');
    upstream.reply = () => NXDOMAIN;
    ask('a.test');
    clock.advance(61);
    upstream.reply = () => ({ answers: [a(60)] });
    expect(ask('a.test').rcode).toBe(NXDOMAIN_CODE);
    expect(ask('a.test')).toMatchObject({ rcode: NOERROR_CODE, ttl: 60 });
  });

  test('a server error does not hide a good stale answer', async () => {
    const { ask, upstream, clock, counters } = await startCache('cache {\nserve_stale\n}');
    upstream.reply = () => ({ answers: [a(60)] });
    ask('a.test');
    upstream.reply = () => SERVFAIL;
    for (let i = 0; i < 5; i++) {
      clock.advance(61);
      expect(ask('a.test')).toMatchObject({ rcode: NOERROR_CODE, ttl: 0 });
    }
    expect(counters).toMatchObject({ successHits: 5, denialHits: 0 });
  });

  test('a server error does not hide a good stale denial', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nserve_stale\n}');
    upstream.reply = () => NXDOMAIN;
    ask('a.test');
    upstream.reply = () => SERVFAIL;
    clock.advance(61);
    ask('a.test');
    expect(ask('a.test').rcode).toBe(NXDOMAIN_CODE);
  });
});

describe('serve_stale verify', () => {
  test('asks first, and falls back on the stale answer', async () => {
    const { ask, upstream, clock, counters } = await startCache(
      'cache {\nserve_stale 1h verify\n}',
    );
    const authorities = [soa(150)];
    upstream.reply = () => ({ answers: [a(120)] });
    expect(ask('a.test').ttl).toBe(120);
    clock.advance(60);
    expect(ask('a.test').ttl).toBe(60);
    clock.advance(120);
    upstream.reply = () => ({ answers: [a(200, 2)] });
    expect(ask('a.test')).toMatchObject({ ttl: 200, data: ['192.0.2.2'] });
    clock.advance(240);
    upstream.reply = () => SERVFAIL;
    expect(ask('a.test')).toMatchObject({ rcode: NOERROR_CODE, ttl: 0, data: ['192.0.2.2'] });
    clock.advance(60);
    upstream.reply = () => ({ rcode: 'NXDOMAIN', authorities });
    expect(ask('a.test')).toMatchObject({ rcode: NXDOMAIN_CODE, ttl: 150 });
    expect(counters).toMatchObject({ servedStale: 1, prefetches: 0, misses: 1, successHits: 4 });
  });

  test('leaves the stale answer when nothing comes', async () => {
    const { ask, upstream, clock } = await startCache('cache {\nserve_stale 1h verify\n}');
    ask('a.test');
    clock.advance(3601);
    upstream.reply = () => failed(SERVFAIL_CODE, 'i/o timeout');
    expect(ask('a.test')).toMatchObject({ rcode: NOERROR_CODE, ttl: 0 });
  });

  test('honours disable for what it fetches', async () => {
    const lines = ['serve_stale 1h verify', 'disable denial'].join('\n');
    const { ask, upstream, clock } = await startCache(`cache {\n${lines}\n}`);
    ask('a.test');
    clock.advance(3601);
    upstream.reply = () => NXDOMAIN;
    for (let i = 0; i < 2; i++) expect(ask('a.test').rcode).toBe(NXDOMAIN_CODE);
    expect(upstream.seen).toHaveLength(3);
  });

  describe('with a time limit', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test('serves stale when it is over, and keeps what comes later', async () => {
      const corefile = 'cache {\nserve_stale 1h verify 100ms\n}';
      const { ask, send, upstream, clock, counters } = await startCache(corefile);
      ask('a.test');
      clock.advance(3601);
      upstream.holding = true;
      upstream.reply = () => ({ answers: [a(60, 9)] });
      const got = send({ name: 'a.test' });
      vi.advanceTimersByTime(99);
      expect(got).toHaveLength(0);
      vi.advanceTimersByTime(1);
      expect(got).toMatchObject([{ ttl: 0, data: ['192.0.2.1'] }]);
      upstream.release();
      expect(got).toHaveLength(1);
      expect(ask('a.test')).toMatchObject({ ttl: 60, data: ['192.0.2.9'] });
      expect(counters.servedStale).toBe(1);
    });

    test('serves what comes in time, and leaves no timer', async () => {
      const corefile = 'cache {\nserve_stale 1h verify 100ms\n}';
      const { ask, send, upstream, clock, counters } = await startCache(corefile);
      ask('a.test');
      clock.advance(3601);
      upstream.holding = true;
      const got = send({ name: 'a.test' });
      upstream.release();
      expect(got).toMatchObject([{ ttl: 300 }]);
      expect(vi.getTimerCount()).toBe(0);
      expect(counters.servedStale).toBe(0);
    });
  });
});

describe('serve_stale_policy prefer_positive', () => {
  const alias: Partial<packet.Answer> = { type: 'CNAME', data: 'b.test' };
  const denials: [string, Reply][] = [
    ['NXDOMAIN', NXDOMAIN],
    ['no data', { authorities: [soa(60)] }],
    ['an empty answer', {}],
    ['an alias that leads nowhere', { answers: [alias], authorities: [soa(60)] }],
    ['SERVFAIL', SERVFAIL],
  ];
  for (const mode of ['immediate', 'verify']) {
    test.each(denials)(`${mode}: keeps the good answer over %s`, async (_, reply) => {
      const lines = [`serve_stale 1h ${mode}`, 'serve_stale_policy prefer_positive'].join('\n');
      const { ask, upstream, clock } = await startCache(`cache {\n${lines}\n}`);
      ask('a.test');
      upstream.reply = () => reply;
      clock.advance(301);
      for (let i = 0; i < 3; i++) {
        expect(ask('a.test')).toMatchObject({ ttl: 0, data: ['192.0.2.1'] });
        clock.advance(2);
      }
      clock.advance(3600);
      expect(ask('a.test').data).not.toEqual(['192.0.2.1']);
    });
  }

  test('takes a new good answer', async () => {
    const lines = ['serve_stale 1h verify', 'serve_stale_policy prefer_positive'].join('\n');
    const { ask, upstream, clock } = await startCache(`cache {\n${lines}\n}`);
    ask('a.test');
    clock.advance(301);
    upstream.reply = () => ({ answers: [a(60, 9)] });
    expect(ask('a.test')).toMatchObject({ ttl: 60, data: ['192.0.2.9'] });
  });
});

describe('the metrics', () => {
  const SUCCESS = `server=${SERVER},type=success,view=,zones=.`;
  const DENIAL = `server=${SERVER},type=denial,view=,zones=.`;
  const PLAIN = `server=${SERVER},view=,zones=.`;

  /** The samples of one metric by their labels. */
  function read(catalogue: Catalogue, name: MetricName) {
    const samples: Record<string, unknown> = {};
    catalogue.read(name, (labels, value) => {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
      samples[pairs.sort().join()] = value;
    });
    return samples;
  }

  test('show what was counted', async () => {
    const { ask, upstream, context } = await startCache('cache');
    ask('a.test');
    ask('a.test');
    upstream.reply = () => NXDOMAIN;
    for (let i = 0; i < 3; i++) ask('b.test');
    const { catalogue } = context;
    expect(read(catalogue, 'coredns_cache_requests_total')).toEqual({ [PLAIN]: 5 });
    expect(read(catalogue, 'coredns_cache_misses_total')).toEqual({ [PLAIN]: 2 });
    expect(read(catalogue, 'coredns_cache_hits_total')).toEqual({ [SUCCESS]: 1, [DENIAL]: 2 });
    expect(read(catalogue, 'coredns_cache_entries')).toEqual({ [SUCCESS]: 1, [DENIAL]: 1 });
    expect(read(catalogue, 'coredns_cache_evictions_total')).toEqual({
      [SUCCESS]: 0,
      [DENIAL]: 0,
    });
  });

  test('have entries only after something was stored, and not after the cache is gone', async () => {
    const { ask, generation, context } = await startCache('cache');
    expect(read(context.catalogue, 'coredns_cache_entries')).toEqual({});
    ask('a.test');
    expect(read(context.catalogue, 'coredns_cache_entries')).toMatchObject({ [SUCCESS]: 1 });
    await generation.stop();
    expect(read(context.catalogue, 'coredns_cache_entries')).toEqual({});
    expect(read(context.catalogue, 'coredns_cache_requests_total')).toEqual({ [PLAIN]: 1 });
  });

  test('join zones with a comma', async () => {
    const { context } = await startCache('cache', { zones: ['a.test.', 'b.test.'] });
    const labels = `server=${SERVER},view=,zones=a.test.,b.test.`;
    expect(read(context.catalogue, 'coredns_cache_drops_total')).toEqual({ [labels]: 0 });
  });

  test('count evictions by class', async () => {
    const { ask, upstream, counters } = await startCache('cache {\nsuccess 4\ndenial 4\n}');
    for (let i = 0; i < 1024 + 3; i++) ask(`n${i}.test`);
    upstream.reply = () => NXDOMAIN;
    for (let i = 0; i < 1024 + 2; i++) ask(`x${i}.test`);
    expect(counters).toMatchObject({ successEvictions: 3, denialEvictions: 2 });
  });
});

describe('a reload', () => {
  /** Builds the chain again, as a reload does; gives back what the new hit path has for a.test. */
  async function rebuilt(corefile: string, newCorefile: string) {
    const { ask, context, generation, clock, upstream, counters } = await startCache(corefile);
    ask('a.test');
    const next = new Generation(generation);
    let hit: unknown;
    const offerHitPath = (path: HitPath) => {
      expect(path.countersFor(SERVER)).toBe(counters);
      hit = path.hit(viewOf({ name: 'a.test' }), { nowMs: clock.nowMs() }, counters);
    };
    const options = cache.parse(usesIn(newCorefile), FACTS);
    cache.stage?.(options, { ...context, parts: next, offerHitPath }, upstream);
    return hit;
  }

  test('keeps entries and counters of a cache with the same options', async () => {
    expect(await rebuilt('cache 30', 'cache 30')).not.toBeNull();
  });

  test('gives a cache with other options a store of its own, and the same counters', async () => {
    expect(await rebuilt('cache 30', 'cache 60')).toBeNull();
  });
});
