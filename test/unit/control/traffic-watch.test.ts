import { expect, onTestFinished, test, vi } from 'vitest';
import { searchSuffix, TrafficWatch } from '../../../src/control/traffic-watch.ts';
import type { Client } from '../../../src/dns/query.ts';
import { QueryView } from '../../../src/dns/query-view.ts';
import { buildQuestion } from '../../../src/forward/prober.ts';
import type { QueryObserver } from '../../../src/server/observer.ts';

const NOERROR = 0;
const NXDOMAIN = 3;

function createWatch() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const clock = { ms: 0, nowMs: () => clock.ms };
  const observers: (QueryObserver | null)[] = [];
  const endpoint = { observe: (observer: QueryObserver | null) => void observers.push(observer) };
  const watch = new TrafficWatch({ endpoints: () => [endpoint], clock });
  return { watch, clock, observers };
}

/** A hit for a name, from a client. */
function hit(watch: TrafficWatch, name: string, rcode = NOERROR, address = '10.0.0.9'): void {
  const view = new QueryView();
  const message = buildQuestion(name, 1, true);
  if (message === null) throw new Error(`no name: ${name}`);
  view.read(message, 0, message.length);
  const client = { address } as Client;
  watch.hit(view, rcode, { transport: 'udp', family: 4, currentClient: () => client });
}

test('nothing is observed before somebody looks, nor when nobody has looked for a while', () => {
  const { watch, clock, observers } = createWatch();
  expect(observers).toEqual([]);
  watch.look();
  expect(observers.at(-1)).toBe(watch);
  clock.ms = 10_000;
  watch.tick();
  expect(observers.at(-1)).toBe(watch);
  clock.ms = 10_001;
  watch.tick();
  expect(observers.at(-1)).toBeNull();
  expect(watch.isWatching).toBe(false);
});

test('listeners that a reload brought are observed from the next tick on', () => {
  const { watch, observers } = createWatch();
  watch.look();
  watch.tick();
  expect(observers).toEqual([watch, watch]);
});

test('rates are those of what is asked, from the first seconds on', () => {
  const { watch, clock } = createWatch();
  watch.look();
  for (let second = 1; second <= 30; second++) {
    clock.ms = second * 1000;
    for (let i = 0; i < 20; i++) hit(watch, i < 15 ? 'a.example' : 'b.example');
    watch.look();
    watch.tick();
    if (second === 3 || second === 30) {
      const { names, queriesPerSecond } = watch.look();
      expect(names[0].key).toBe('a.example.');
      expect(Math.round(names[0].perSecond)).toBeGreaterThanOrEqual(14);
      expect(Math.round(names[0].perSecond)).toBeLessThanOrEqual(16);
      expect(Math.abs(queriesPerSecond - 20)).toBeLessThan(2);
    }
  }
});

test('at a high rate one query in many is looked at, and stands for them all', () => {
  const { watch, clock } = createWatch();
  watch.look();
  const second = () => {
    for (let i = 0; i < 5000; i++) hit(watch, 'a.example');
    clock.ms += 1000;
    watch.look();
    watch.tick();
  };
  second();
  expect(watch.look().sampledOneIn).toBe(5);
  second();
  const { queriesPerSecond, sampledOneIn } = watch.look();
  expect(sampledOneIn).toBe(5);
  expect(Math.abs(queriesPerSecond - 5000)).toBeLessThan(500);
});

test('suffixes are counted of names that do not exist only', () => {
  const { watch } = createWatch();
  watch.look();
  hit(watch, 'example.org.shop.svc.cluster.local', NXDOMAIN);
  hit(watch, 'redis.cache.svc.cluster.local');
  const { missingSuffixes } = watch.look();
  expect(missingSuffixes.map(({ key }) => key)).toEqual(['shop.svc.cluster.local.']);
});

test('a search suffix is the namespace of a service name, else two labels', () => {
  const suffixes = {
    'a.b.shop.svc.cluster.local.': 'shop.svc.cluster.local.',
    'a.svc.cluster.local.': 'a.svc.cluster.local.',
    'svc.cluster.local.': 'cluster.local.',
    'www.corp.example.': 'corp.example.',
    'localhost.': 'localhost.',
    '.': '.',
  };
  for (const [name, suffix] of Object.entries(suffixes)) expect(searchSuffix(name)).toBe(suffix);
});
