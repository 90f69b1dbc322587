import { afterEach, expect, test } from 'vitest';
import { pprof } from '../../../src/plugins/pprof.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { freePort } from '../../helpers/free-port.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test.each(['pprof', 'pprof {\n block\n}', 'pprof {\n block 20\n}'])(
  '%j is at localhost:6053',
  (text) => {
    expect(parseWith(pprof, text).address).toMatchObject({ host: 'localhost', port: 6053 });
  },
);

test.each([
  ['pprof 6053', 'argument-value'],
  ['pprof :1 :2', 'argument-count'],
  ['pprof {\n block -1\n}', 'argument-value'],
  ['pprof {\n block 1 2\n}', 'argument-count'],
  ['pprof {\n mutex\n}', 'unknown-option'],
])('%j is refused: %s', (text, code) => {
  expect(codeOf(pprof, text)).toBe(code);
});

async function start(): Promise<string> {
  const port = await freePort();
  const { context, generation } = makeContext();
  pprof.service?.(parseWith(pprof, `pprof 127.0.0.1:${port}`), context);
  await generation.start();
  stops.push(() => generation.stop());
  return `http://127.0.0.1:${port}/debug/pprof`;
}

test('profiles are what V8 writes, and only one is taken at a time', async () => {
  const base = await start();
  const cpu = fetch(`${base}/profile?seconds=1`);
  const busy = await fetch(`${base}/heap?seconds=1`);
  expect(busy.status).toBe(503);
  const answer = await cpu;
  expect(answer.headers.get('content-disposition')).toContain('.cpuprofile');
  const profile = (await answer.json()) as { nodes: unknown[]; samples: unknown[] };
  expect(profile.nodes.length).toBeGreaterThan(0);
  expect(profile.samples.length).toBeGreaterThan(0);
  const heap = (await (await fetch(`${base}/heap?seconds=1`)).json()) as { head: unknown };
  expect(heap.head).toBeTypeOf('object');
});

test.each(['seconds=0', 'seconds=301', 'seconds=x', 'seconds='])('%s is refused', async (query) => {
  const base = await start();
  expect((await fetch(`${base}/profile?${query}`)).status).toBe(400);
});

test('an index says what there is', async () => {
  const base = await start();
  for (const path of ['', '/']) {
    expect(await (await fetch(base + path)).text()).toContain('/debug/pprof/heap');
  }
});
