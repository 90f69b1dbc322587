/** What the two stores of a cache and their common table do together. */
import { expect, test } from 'vitest';
import { AnswerCache } from '../../../src/cache/answer-cache.ts';
import { CacheBudget } from '../../../src/cache/budget.ts';
import { CacheCounters } from '../../../src/cache/counters.ts';
import type { Entry } from '../../../src/cache/entry.ts';
import { a, makeAnswer, makeQuery, type Reply, soa, viewOf } from '../../helpers/cache-fixture.ts';

const CAPACITY = 1024;
const counters = new CacheCounters();

function openCache(): AnswerCache {
  const bounds = { capacity: CAPACITY, disabledZones: [], minTtlSeconds: 5, maxTtlSeconds: 3600 };
  const guard = { zones: [], durationMs: 0 };
  const cache = new AnswerCache(
    {
      success: bounds,
      denial: bounds,
      servfailSeconds: 5,
      staleMs: 0,
      preferPositive: false,
      guard,
    },
    { budget: new CacheBudget(1 << 20), unixSeconds: () => 0 },
  );
  cache.open();
  return cache;
}

function store(cache: AnswerCache, name: string, reply: Reply = { answers: [a(60)] }): Entry {
  const { entry } = cache.offer(makeQuery({ name }), makeAnswer({ name }, reply), 0, counters);
  if (entry === null) throw new Error(`${name} was not stored`);
  return entry;
}

function fill(cache: AnswerCache): Entry[] {
  return Array.from({ length: CAPACITY }, (_, i) => store(cache, `n${i}.test`));
}

test('what is found is kept from being evicted, what is only looked at is not', () => {
  const cache = openCache();
  const [byKey, byView, looked, ...others] = fill(cache);
  expect(cache.get(byKey.key)).toBe(byKey);
  expect(cache.getFor(viewOf({ name: 'N1.test' }))).toBe(byView);
  expect(cache.peek(looked.key)).toBe(looked);
  store(cache, 'new1.test');
  store(cache, 'new2.test');
  expect(cache.peek(byKey.key)).toBe(byKey);
  expect(cache.peek(byView.key)).toBe(byView);
  expect(cache.peek(looked.key)).toBeNull();
  expect(cache.peek(others[0].key)).toBeNull();
  expect(cache.successCount).toBe(CAPACITY);
});

test('a newer answer takes the place of the one before, in a full cache as well', () => {
  const cache = openCache();
  const before = fill(cache)[5];
  const newer = store(cache, 'n5.test', { answers: [a(90)] });
  expect(newer).not.toBe(before);
  expect(cache.get(before.key)).toBe(newer);
  expect(cache.successCount).toBe(CAPACITY);
});

test('a question has its answer in one class, whatever it was before', () => {
  const cache = openCache();
  fill(cache);
  const denied = store(cache, 'n5.test', { rcode: 'NXDOMAIN', authorities: [soa(60)] });
  expect(cache.get(denied.key)).toBe(denied);
  expect([cache.successCount, cache.denialCount]).toEqual([CAPACITY - 1, 1]);
  const good = store(cache, 'n5.test');
  expect(cache.get(denied.key)).toBe(good);
  expect([cache.successCount, cache.denialCount]).toEqual([CAPACITY, 0]);
  expect([...cache.entries()]).toHaveLength(CAPACITY);
});

test('what is forgotten and what is closed is found no more', () => {
  const cache = openCache();
  const [first, second] = fill(cache);
  expect(cache.forget(({ key }) => key === first.key)).toBe(1);
  expect(cache.peek(first.key)).toBeNull();
  expect(cache.peek(second.key)).toBe(second);
  cache.close();
  expect(cache.peek(second.key)).toBeNull();
  expect([...cache.entries()]).toEqual([]);
});
