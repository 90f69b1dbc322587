import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotMap } from '../../../src/tables/slot-map.ts';

test('does what a Map does', () => {
  const step = fc.record({ key: fc.nat(12), adds: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const slots = new SlotMap<number, { id: number }>();
      const model = new Map<number, { id: number }>();
      steps.forEach(({ key, adds }, id) => {
        if (!adds) expect(slots.delete(key)).toBe(model.delete(key));
        else if (!model.has(key)) {
          slots.add(key, { id });
          model.set(key, { id });
        }
        expect(slots.size).toBe(model.size);
        expect(slots.has(key)).toBe(model.has(key));
        expect(slots.get(key)).toEqual(model.get(key));
      });
      expect(slots.values()).toEqual([...model.values()]);
    }),
    { seed: 20_261_122 },
  );
});

test('takes no more places than there were values at once', () => {
  const slots = new SlotMap<string, object>();
  for (let i = 0; i < 10_000; i++) {
    slots.add(`${i}`, {});
    slots.add(`${i} too`, {});
    slots.delete(`${i}`);
    slots.delete(`${i} too`);
  }
  expect(slots.places).toBe(2);
});
