import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairShare } from '../../../src/cache/fair-share.ts';

/** How many units a client gets. */
function takeAll(share: FairShare, client: string): number {
  let taken = 0;
  while (share.take(client)) taken++;
  return taken;
}

test('a client alone gets four fifths', () => {
  expect(takeAll(new FairShare(1000), 'a')).toBe(800);
});

test('there is room for others beside greedy clients, and less of it for each', () => {
  const share = new FairShare(1000);
  takeAll(share, 'a');
  expect(takeAll(share, 'b')).toBe(160);
  expect(share.take('a')).toBe(false);
  expect(share.take('c')).toBe(true);
});

test('greedy clients that come together get the same', () => {
  const share = new FairShare(900);
  const held = { a: 0, b: 0 };
  for (let i = 0; i < 2000; i++) {
    for (const client of ['a', 'b'] as const) if (share.take(client)) held[client]++;
  }
  expect(held).toEqual({ a: 400, b: 400 });
});

test('what is given back can be had again', () => {
  const share = new FairShare(10);
  takeAll(share, 'a');
  share.give('a');
  expect(share.take('a')).toBe(true);
  expect(share.take('a')).toBe(false);
});

test('whatever is taken and given, the budget holds, and who holds nothing finds room below it', () => {
  const step = fc.record({ client: fc.constantFrom('a', 'b', 'c', 'd'), gives: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const share = new FairShare(20);
      const held = new Map<string, number>();
      for (const { client, gives } of steps) {
        const before = held.get(client) ?? 0;
        if (gives && before === 0) continue;
        if (gives) share.give(client);
        else if (before === 0 && share.total < 20) expect(share.take(client)).toBe(true);
        else if (!share.take(client)) continue;
        held.set(client, before + (gives ? -1 : 1));
        const total = [...held.values()].reduce((sum, count) => sum + count, 0);
        expect(share.total).toBe(total);
        expect(total).toBeLessThanOrEqual(20);
      }
    }),
    { seed: 20_260_731 },
  );
});
