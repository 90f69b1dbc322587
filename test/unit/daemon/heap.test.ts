/** In processes of their own: V8's flags are everybody's. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
const HEAP = new URL('../../../src/daemon/heap.ts', import.meta.url).href;
const MB = 1024 * 1024;

/** Runs a program that knows `keepHeapSmall`, `createRest` and `v8`, and gives the JSON it prints. */
function run<T>(program: string): T {
  const imports = `import { createRest, keepHeapSmall } from '${HEAP}'; import v8 from 'node:v8';`;
  const { stdout, stderr } = spawnSync(NODE, ['--input-type=module', '-e', imports + program], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

/** Turns of the event loop that allocate and keep a tenth of it for a while. */
const CHURN = `
  const kept = [];
  let collections = 0;
  const young = () => v8.getHeapSpaceStatistics().find((it) => it.space_name === 'new_space').space_size;
  let largest = 0;
  async function churn() {
    for (let turn = 0; turn < 2000; turn++) {
      for (let i = 0; i < 400; i++) {
        const made = { turn, i, text: 'x' + i, list: [i, turn, i] };
        if (i % 10 === 0) kept[(turn * 40 + i / 10) % 40000] = made;
      }
      if (turn > 500) largest = Math.max(largest, young());
      await new Promise((resolve) => setImmediate(resolve));
    }
  }`;

test('the young generation stays small under a load that would make V8 let it grow', () => {
  const bounded = (isHeavy: boolean) =>
    run<{ largest: number; collections: number }>(`${CHURN}
    keepHeapSmall({ isHeavy: () => ${isHeavy}, onCollected: () => collections++ });
    await churn();
    console.log(JSON.stringify({ largest, collections }));`);
  const light = bounded(false);
  expect(light.largest).toBeLessThanOrEqual(8 * MB);
  expect(light.collections).toBeGreaterThan(0);
  const heavy = bounded(true);
  expect(heavy.largest).toBeLessThanOrEqual(16 * MB);
  expect(heavy.collections).toBeLessThan(light.collections);
  const free = run<{ largest: number }>(`${CHURN}
    await churn();
    console.log(JSON.stringify({ largest }));`);
  expect(free.largest).toBeGreaterThan(heavy.largest);
});

test('at rest, what a load has left behind is collected, once', () => {
  const { before, after, again } = run<Record<'before' | 'after' | 'again', number>>(`
    const rest = createRest();
    rest();
    const size = () => v8.getHeapStatistics().total_heap_size;
    let garbage = Array.from({ length: 400_000 }, (_, i) => ({ i }));
    const before = size();
    garbage = null;
    rest();
    const after = size();
    let little = Array.from({ length: 20_000 }, (_, i) => ({ i }));
    const grown = v8.getHeapStatistics().used_heap_size;
    little = null;
    rest();
    console.log(JSON.stringify({ before, after, again: v8.getHeapStatistics().used_heap_size - grown }));`);
  expect(before - after).toBeGreaterThan(8 * MB);
  expect(again).toBeGreaterThanOrEqual(0);
});
