import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpaceSaving } from '../../../src/control/space-saving.ts';

const CAPACITY = 8;

test('what is frequent is among the top, however many others there are', () => {
  const counts = new SpaceSaving({ capacity: CAPACITY });
  for (let i = 0; i < 1000; i++) {
    counts.add('often', 1);
    counts.add(`once ${i}`, 1);
  }
  expect(counts.top(1)[0].key).toBe('often');
});

test('no count is too low, and none is too high by more than the rarest', () => {
  const keys = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 400 });
  fc.assert(
    fc.property(keys, (stream) => {
      const counts = new SpaceSaving({ capacity: CAPACITY });
      for (const key of stream) counts.add(`${key}`, 1);
      const top = counts.top(100);
      expect(top.length).toBeLessThanOrEqual(CAPACITY);
      const least = top.at(-1)?.count ?? 0;
      for (const { key, count } of top) {
        const real = stream.filter((other) => `${other}` === key).length;
        expect(count).toBeGreaterThanOrEqual(real);
        expect(count - real).toBeLessThanOrEqual(least);
      }
    }),
    { seed: 7 },
  );
});

test('counts fade, and what has faded away is forgotten', () => {
  const counts = new SpaceSaving({ capacity: CAPACITY });
  counts.add('a', 10);
  counts.add('b', 0.06);
  counts.fade(0.5);
  expect(counts.top(10)).toEqual([{ key: 'a', count: 5 }]);
  counts.fade(0);
  expect(counts.top(10)).toEqual([]);
});
