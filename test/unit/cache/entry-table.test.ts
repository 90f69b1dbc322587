import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KIND_SUCCESS } from '../../../src/cache/classification.ts';
import { Entry } from '../../../src/cache/entry.ts';
import { EntryTable } from '../../../src/cache/entry-table.ts';
import { SlotLinks, SlotList } from '../../../src/cache/slot-links.ts';
import { hashText } from '../../../src/dns/key-hash.ts';
import { a, makeAnswer } from '../../helpers/cache-fixture.ts';

const ANSWER = makeAnswer({ name: 'any.test' }, { answers: [a(60)] });

function makeEntry(key: string): Entry {
  return new Entry(key, ANSWER, {
    kind: KIND_SUCCESS,
    lifetimeSeconds: 60,
    answersQuestion: true,
    storedAtMs: 0,
    staleMs: 0,
  });
}

function findOctets(table: EntryTable, key: string, hash = hashText(key)): Entry | null {
  const octets = Buffer.from(`${key}and what is behind it`, 'latin1');
  return table.findOctets(octets, key.length, hash);
}

describe('a table', () => {
  test('is empty at first', () => {
    const table = new EntryTable();
    expect(table.find('a')).toBeNull();
    expect(findOctets(table, 'a')).toBeNull();
  });

  test('finds the very key among those with its hash', () => {
    const table = new EntryTable();
    const entries = ['a', 'b', 'ab', 'aB', '\xe4', ''].map(makeEntry);
    for (const entry of entries) table.add(entry, 7);
    for (const entry of entries) {
      expect(table.find(entry.key, 7)).toBe(entry);
      expect(findOctets(table, entry.key, 7)).toBe(entry);
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
        const table = new EntryTable();
        const hashOf = (key: string) => hashText(key) % hashes;
        const model = new Map<string, Entry>();
        for (const [isAddition, key] of list) {
          const known = model.get(key);
          if (isAddition && known === undefined) {
            const entry = makeEntry(key);
            table.add(entry, hashOf(key));
            model.set(key, entry);
          } else if (!isAddition && known !== undefined) {
            table.remove(known);
            model.delete(key);
            expect(table.find(key, hashOf(key))).toBeNull();
          }
        }
        for (const entry of model.values()) {
          const hash = hashOf(entry.key);
          expect(table.find(entry.key, hash)).toBe(entry);
          expect(findOctets(table, entry.key, hash)).toBe(entry);
          expect(table.at(entry.slot)).toBe(entry);
        }
        expect(new Set([...model.values()].map(({ slot }) => slot)).size).toBe(model.size);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  test('takes no more slots than it needs for what comes and goes', () => {
    const table = new EntryTable();
    const entries = Array.from({ length: 1000 }, (_, i) => makeEntry(`k${i}`));
    for (const entry of entries) table.add(entry);
    for (let round = 0; round < 20; round++) {
      for (const entry of entries) table.remove(entry);
      for (const entry of entries) table.add(entry);
    }
    expect(Math.max(...entries.map(({ slot }) => slot))).toBe(999);
    expect(table.uses.after.length).toBe(1024);
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
          expect(slotsOf(lists[i], links.after, 'first')).toEqual(model);
          expect(slotsOf(lists[i], links.before, 'last')).toEqual(model.toReversed());
          expect(lists[i].size).toBe(model.length);
        }
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

function slotsOf(list: SlotList, links: Int32Array, from: 'first' | 'last'): number[] {
  const slots: number[] = [];
  for (let slot = list[from]; slot >= 0; slot = links[slot]) slots.push(slot);
  return slots;
}
