import { describe, expect, test } from 'vitest';
import { CacheBudget } from '../../../src/cache/budget.ts';
import { KIND_SUCCESS } from '../../../src/cache/classification.ts';
import { Entry } from '../../../src/cache/entry.ts';
import { entriesFor, Store } from '../../../src/cache/store.ts';
import { hashText } from '../../../src/dns/key-hash.ts';
import { KeyTable } from '../../../src/tables/key-table.ts';
import { a, makeAnswer, makeQuery } from '../../helpers/cache-fixture.ts';

const MAX_ENTRIES = 1024;

function makeEntry(name: string, lifetimeSeconds = 60, storedAtMs = 0): Entry {
  const question = { name: `${name}.test` };
  return new Entry(makeQuery(question).key, makeAnswer(question, { answers: [a(60)] }), {
    kind: KIND_SUCCESS,
    lifetimeSeconds,
    answersQuestion: true,
    storedAtMs,
    staleMs: 0,
  });
}

function put(store: Store, entry: Entry, nowMs: number): void {
  store.put(entry, nowMs, hashText(entry.key));
}

function makeStore(budget = new CacheBudget(1e9), capacity = 0, keepPopular = false) {
  const evictions = { count: 0 };
  const table = new KeyTable<Entry>();
  const store = new Store(
    { capacity, keepPopular },
    {
      ...{ budget, table, uses: table.makeLinks(), discards: table.makeLinks() },
      onEviction: () => evictions.count++,
    },
  );
  store.open();
  const find = (key: string) => table.find(key, hashText(key));
  const has = (entry: Entry) => find(entry.key) === entry;
  /** Puts an entry in the place of the one with its key. */
  const replace = (entry: Entry) => {
    const before = find(entry.key);
    if (before === null) throw new Error('nothing to replace');
    store.delete(before);
    put(store, entry, 0);
  };
  return { store, find, evictions, has, replace };
}

function fill(store: Store, count: number, lifetimeSeconds = 60, prefix = 'n'): Entry[] {
  const entries = Array.from({ length: count }, (_, i) =>
    makeEntry(`${prefix}${i}`, lifetimeSeconds),
  );
  for (const entry of entries) put(store, entry, 0);
  return entries;
}

describe('the capacity', () => {
  test.each([
    [10_000, 9984],
    [9984, 9984],
    [1000, 1024],
    [0, 1024],
    [-5, 1024],
    [1e9, 1024 * 1024],
  ])('%i is %i entries', (capacity, entries) => {
    expect(entriesFor(capacity)).toBe(entries);
  });
});

describe('a full store that keeps what is popular', () => {
  const makeKeeping = () => makeStore(new CacheBudget(1e9), 0, true);

  test('spares what was used since it was last at the end of the line', () => {
    const { store, has } = makeKeeping();
    const [popular, once, never] = fill(store, MAX_ENTRIES);
    popular.uses = 2;
    once.uses = 1;
    put(store, makeEntry('new'), 0);
    expect(has(popular)).toBe(true);
    expect(has(once)).toBe(false);
    expect(has(never)).toBe(true);
  });

  test('drops it the next time, when nobody has used it any more', () => {
    const { store, has } = makeKeeping();
    const [popular] = fill(store, MAX_ENTRIES);
    popular.uses = 100;
    fill(store, MAX_ENTRIES, 60, 'flood');
    expect(has(popular)).toBe(false);
  });

  test('keeps what is used now and then through a flood of names used once', () => {
    const { store, has } = makeKeeping();
    const [popular] = fill(store, MAX_ENTRIES);
    for (let round = 0; round < 20; round++) {
      popular.uses += 2;
      fill(store, MAX_ENTRIES - 1, 60, `flood${round}-`);
      expect(has(popular)).toBe(true);
    }
  });

  test('makes room when all is popular', () => {
    const { store, evictions } = makeKeeping();
    for (const entry of fill(store, MAX_ENTRIES)) entry.uses = 9;
    put(store, makeEntry('new'), 0);
    expect(evictions.count).toBe(1);
    expect(store.size).toBe(MAX_ENTRIES);
  });
});

describe('a full store', () => {
  test('drops what was used least recently', () => {
    const { store, evictions, has } = makeStore();
    const [first, second] = fill(store, MAX_ENTRIES);
    store.touch(first);
    put(store, makeEntry('new'), 0);
    expect(store.size).toBe(MAX_ENTRIES);
    expect(evictions.count).toBe(1);
    expect(has(first)).toBe(true);
    expect(has(second)).toBe(false);
  });

  test('drops what expired first, however recently it was used', () => {
    const { store, evictions, has } = makeStore();
    const [old] = fill(store, MAX_ENTRIES - 1);
    const short = makeEntry('short', 10);
    put(store, short, 0);
    store.touch(short);
    put(store, makeEntry('new', 60, 10_000), 10_000);
    expect(has(short)).toBe(false);
    expect(has(old)).toBe(true);
    expect(evictions.count).toBe(1);
  });

  test('keeps what has a second to live', () => {
    const { store, has } = makeStore();
    const [old] = fill(store, MAX_ENTRIES - 1);
    const short = makeEntry('short', 10);
    put(store, short, 0);
    put(store, makeEntry('new'), 9999);
    expect(has(short)).toBe(true);
    expect(has(old)).toBe(false);
  });

  test('takes a new answer to a known question without dropping another', () => {
    const { store, evictions, replace } = makeStore();
    fill(store, MAX_ENTRIES);
    replace(makeEntry('n5'));
    expect(store.size).toBe(MAX_ENTRIES);
    expect(evictions.count).toBe(0);
  });

  test('finds every expired entry, whatever order they came, left and were replaced in', () => {
    const { store, has, replace, find } = makeStore();
    const entries = fill(store, MAX_ENTRIES, 7);
    store.delete(entries[3]);
    replace(makeEntry('n4', 100));
    replace(makeEntry('n900', 100));
    put(store, makeEntry('longer', 100), 0);
    for (let i = 0; i < MAX_ENTRIES - 3; i++) put(store, makeEntry(`new${i}`, 60, 8000), 8000);
    for (const name of ['n4', 'n900', 'longer']) {
      expect(find(makeQuery({ name: `${name}.test` }).key)).not.toBeNull();
    }
    expect(entries.filter(has)).toHaveLength(0);
  });
});

describe('the budget', () => {
  const octetsEach = makeEntry('n0').octets;

  test('counts what is there, and nothing when all is gone', () => {
    const { store } = makeStore();
    const entries = fill(store, 5);
    expect(store.octets).toBe(entries.reduce((sum, { octets }) => sum + octets, 0));
    const [first, ...others] = entries;
    const newer = makeEntry('n0');
    store.delete(first);
    put(store, newer, 0);
    for (const entry of [newer, ...others]) store.delete(entry);
    expect(store.octets).toBe(0);
  });

  test('is kept by the largest store', () => {
    const budget = new CacheBudget(octetsEach * 10);
    const large = makeStore(budget);
    const small = makeStore(budget);
    fill(small.store, 2);
    fill(large.store, 8);
    fill(small.store, 4, 60, 'm');
    expect([small.store.size, large.store.size]).toEqual([5, 5]);
    expect([small.evictions.count, large.evictions.count]).toEqual([1, 3]);
  });

  test('grows with a capacity above the default', () => {
    const budget = new CacheBudget(octetsEach * 2);
    const { store } = makeStore(budget, 20_000);
    fill(store, 100);
    expect(store.size).toBe(100);
  });

  test('is given back by a store that closes', () => {
    const budget = new CacheBudget(octetsEach * 4);
    const gone = makeStore(budget, 20_000);
    fill(gone.store, 50);
    gone.store.close();
    const { store, evictions } = makeStore(budget);
    fill(store, 4);
    expect(evictions.count).toBe(0);
    fill(store, 1, 60, 'm');
    expect(evictions.count).toBe(1);
  });

  test('is not charged for what comes after the store closed', () => {
    const { store } = makeStore();
    store.close();
    fill(store, 3);
    expect(store.size).toBe(0);
    expect(store.octets).toBe(0);
  });
});
