import { afterEach, expect, test } from 'vitest';
import { ready } from '../../../src/plugins/ready.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { freePort } from '../../helpers/free-port.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test('without options it is at :8181 and looks until it is ready', () => {
  expect(parseWith(ready, 'ready')).toEqual({
    address: { host: '', port: 8181, text: ':8181' },
    continuously: false,
  });
});

test.each([
  ['ready 8181', 'argument-value'],
  ['ready :1 :2', 'argument-count'],
  ['ready {\n monitor\n}', 'argument-count'],
  ['ready {\n monitor sometimes\n}', 'argument-value'],
  ['ready {\n watch until-ready\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(ready, text)).toBe(code);
});

/** Starts `ready` and returns what asks it, and the list of what is missing. */
async function start(options: string) {
  const port = await freePort();
  const missing: string[] = ['listeners', 'forward'];
  const { context, generation } = makeContext();
  const daemon = { ...context.daemon, unready: () => missing };
  ready.service?.(parseWith(ready, `ready 127.0.0.1:${port} ${options}`), { ...context, daemon });
  await generation.start();
  stops.push(() => generation.stop());
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`);
    return `${answer.status} ${await answer.text()}`;
  };
  return { ask, missing, generation };
}

test('it names what is missing until nothing is', async () => {
  const { ask, missing } = await start('');
  expect(await ask()).toBe('503 listeners,forward');
  missing.length = 0;
  expect(await ask()).toBe('200 OK');
});

test('once ready it stays ready', async () => {
  const { ask, missing } = await start('');
  missing.length = 0;
  await ask();
  missing.push('forward');
  expect(await ask()).toBe('200 OK');
});

test('with monitor continuously it looks again each time', async () => {
  const { ask, missing } = await start('{\n monitor continuously\n}');
  missing.length = 0;
  await ask();
  missing.push('forward');
  expect(await ask()).toBe('503 forward');
});

test('it is not ready any more when the daemon is about to end', async () => {
  const { ask, missing, generation } = await start('');
  missing.length = 0;
  expect(await ask()).toBe('200 OK');
  await generation.beforeShutdown();
  expect(await ask()).toBe('503 shutting down');
});

test('a daemon that says nothing is ready', async () => {
  const port = await freePort();
  const { context, generation } = makeContext();
  ready.service?.(parseWith(ready, `ready 127.0.0.1:${port}`), context);
  await generation.start();
  stops.push(() => generation.stop());
  expect((await fetch(`http://127.0.0.1:${port}/ready`)).status).toBe(200);
});
