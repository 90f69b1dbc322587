import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashText } from '../../../src/dns/key-hash.ts';
import { type Keyed, KeyTable } from '../../../src/tables/key-table.ts';
import { NONE, SlotLinks, SlotList } from '../../../src/tables/slot-links.ts';

const makeItem = (key: string): Keyed => ({ key, slot: NONE });

function findOctets(table: KeyTable<Keyed>, key: string, hash = hashText(key)): Keyed | null {
  const octets = Buffer.from(`${key}and what is behind it`, 'latin1');
  return table.findOctets(octets, key.length, hash);
}

describe('a table', () => {
  test('is empty at first', () => {
    const table = new KeyTable<Keyed>();
    expect(table.find('a', hashText('a'))).toBeNull();
    expect(findOctets(table, 'a')).toBeNull();
  });

  test('finds the very key among those with its hash', () => {
    const table = new KeyTable<Keyed>();
    const items = ['a', 'b', 'ab', 'aB', '\xe4', ''].map(makeItem);
    for (const item of items) table.add(item, 7);
    for (const item of items) {
      expect(table.find(item.key, 7)).toBe(item);
      expect(findOctets(table, item.key, 7)).toBe(item);
    }
    expect(table.find('c', 7)).toBeNull();
    expect(findOctets(table, 'A', 7)).toBeNull();
  });

  test('holds what was added and not removed, whatever the order', () => {
    const keys = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    // Few hashes and many: long chains and a table that grows.
    const steps = fc.array(fc.tuple(fc.boolean(), keys), { maxLength: 600 });
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 3, 1e9), (list, hashes) => {
        const table = new KeyTable<Keyed>();
        const hashOf = (key: string) => hashText(key) % hashes;
        const model = new Map<string, Keyed>();
        for (const [isAddition, key] of list) {
          const known = model.get(key);
          if (isAddition && known === undefined) {
            const item = makeItem(key);
            table.add(item, hashOf(key));
            model.set(key, item);
          } else if (!isAddition && known !== undefined) {
            table.remove(known);
            model.delete(key);
            table.remove(known);
            expect(table.find(key, hashOf(key))).toBeNull();
          }
        }
        for (const item of model.values()) {
          const hash = hashOf(item.key);
          expect(table.find(item.key, hash)).toBe(item);
          expect(findOctets(table, item.key, hash)).toBe(item);
          expect(table.at(item.slot)).toBe(item);
        }
        expect(new Set([...model.values()].map(({ slot }) => slot)).size).toBe(model.size);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  test('takes no more slots than it needs for what comes and goes', () => {
    const table = new KeyTable<Keyed>();
    const links = table.makeLinks();
    const items = Array.from({ length: 1000 }, (_, i) => makeItem(`k${i}`));
    for (const item of items) table.add(item, hashText(item.key));
    for (let round = 0; round < 20; round++) {
      for (const item of items) table.remove(item);
      for (const item of items) table.add(item, hashText(item.key));
    }
    expect(Math.max(...items.map(({ slot }) => slot))).toBe(999);
    expect([links.after.length, table.makeLinks().before.length]).toEqual([1024, 1024]);
  });
});

test('lists that share their links keep their order, whatever is pushed, moved and removed', () => {
  const SLOTS = 12;
  const steps = fc.array(
    fc.tuple(fc.constantFrom('push', 'remove', 'move'), fc.nat(SLOTS - 1), fc.nat(1)),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const links = new SlotLinks();
      links.grow(SLOTS);
      const lists = [new SlotList(links), new SlotList(links)];
      const models: number[][] = [[], []];
      for (const [step, slot, which] of list) {
        const at = models[which].indexOf(slot);
        const isFree = models.every((model) => !model.includes(slot));
        if (step === 'push' && isFree) {
          lists[which].push(slot);
          models[which].push(slot);
        } else if (step === 'remove' && at >= 0) {
          lists[which].remove(slot);
          models[which].splice(at, 1);
        } else if (step === 'move' && at >= 0) {
          lists[which].moveToEnd(slot);
          models[which].push(...models[which].splice(at, 1));
        }
        for (const [i, model] of models.entries()) {
          expect(lists[i].toArray()).toEqual(model);
          expect(lists[i].size).toBe(model.length);
          expect(model.length === 0 || lists[i].first === model[0]).toBe(true);
        }
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});
