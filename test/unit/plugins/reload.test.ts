import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { expose } from '../../../src/metrics/exposition.ts';
import { reload, reloadCounters } from '../../../src/plugins/reload.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';

test.each([
  ['reload', 30_000, 15_000],
  ['reload 10s', 10_000, 5000],
  ['reload 10s 2s', 10_000, 2000],
  ['reload 2s 0s', 2000, 0],
  ['reload 2s 1m', 2000, 1000],
])('%s: every %s ms, jitter %s ms', (text, intervalMs, jitterMs) => {
  expect(parseWith(reload, text)).toEqual({ intervalMs, jitterMs });
});

test.each([
  ['reload foo', 'argument-value'],
  ['reload 10s foo', 'argument-value'],
  ['reload 10s 2s 3s', 'argument-count'],
  ['reload 1s', 'argument-value'],
  ['reload 0s', 'argument-value'],
  ['reload 3s 0.5s', 'argument-value'],
  ['reload {\n 3s\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(reload, text)).toBe(code);
});

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reload-'));
  path = join(folder, 'Corefile');
});
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** A daemon with `first` in force that reads the Corefile every 10 s, and what it is asked for. */
async function start(first: string, accepts: () => boolean = () => true) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  writeFileSync(path, first);
  const corefile = { path, text: first };
  const ask = vi.fn(async () => accepts());
  const { context, generation, lines } = makeContext({
    daemon: { corefile, reload: ask, isOwnAddress: () => false },
  });
  const options = parseWith(reload, 'reload 10s 0s');
  reload.service?.(options, context);
  reload.service?.(options, { ...context, index: 1 });
  await generation.start();
  stops.push(() => generation.stop());
  /** Lets one interval pass, and the reading of files that follows. */
  const tick = async () => {
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
  };
  return { corefile, ask, lines, generation, tick, catalogue: context.catalogue };
}

test('a Corefile that says the same is not reloaded', async () => {
  const { ask, tick } = await start('. {\n log\n}');
  await tick();
  writeFileSync(path, '# a comment\n.\n{\n   log\n}\n');
  await tick();
  expect(ask).not.toHaveBeenCalled();
});

test('one that says something else is, once, however many blocks have the directive', async () => {
  const { ask, lines, tick } = await start('. {\n log\n}');
  writeFileSync(path, '. {\n errors\n}');
  await tick();
  await tick();
  expect(ask).toHaveBeenCalledTimes(1);
  expect(lines).toEqual([
    expect.stringMatching(
      /^\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}$/,
    ),
    expect.stringMatching(
      /^\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}$/,
    ),
  ]);
  expect(lines[0]).not.toBe(lines[1]);
});

test('so is one whose imports say something else', async () => {
  writeFileSync(join(folder, 'more'), 'log\n');
  const { ask, tick } = await start('. {\n import more\n}');
  writeFileSync(join(folder, 'more'), 'errors\n');
  await tick();
  expect(ask).toHaveBeenCalledTimes(1);
});

test('one that was refused is not tried again until it changes', async () => {
  let good = false;
  const { ask, lines, tick } = await start('. {\n log\n}', () => good);
  writeFileSync(path, '. {\n nonsense\n}');
  await tick();
  await tick();
  expect(ask).toHaveBeenCalledTimes(1);
  expect(lines.at(-1)).toBe('[ERROR] plugin/reload: Corefile changed but reload failed');
  good = true;
  writeFileSync(path, '. {\n errors\n}');
  await tick();
  expect(ask).toHaveBeenCalledTimes(2);
});

test('one that cannot be read is only warned of', async () => {
  const { ask, lines, tick } = await start('. {\n log\n}');
  writeFileSync(path, '. {\n log\n');
  await tick();
  rmSync(path);
  await tick();
  expect(ask).not.toHaveBeenCalled();
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(/^\[WARNING\] .*"\{" is not closed by "\}"/),
    expect.stringMatching(/^\[WARNING\] .*ENOENT/),
  ]);
});

test('what the daemon has put into force by itself is not reloaded again', async () => {
  const { corefile, ask, tick } = await start('. {\n log\n}');
  corefile.text = '. {\n errors\n}';
  writeFileSync(path, corefile.text);
  await tick();
  expect(ask).not.toHaveBeenCalled();
});

test('after the end nothing is read', async () => {
  const { ask, generation } = await start('. {\n log\n}');
  writeFileSync(path, '. {\n errors\n}');
  await generation.stop();
  vi.advanceTimersByTime(60_000);
  expect(vi.getTimerCount()).toBe(0);
  expect(ask).not.toHaveBeenCalled();
});

test('the metrics show the hash in force and the reloads that failed', async () => {
  const { catalogue } = await start('. {\n log\n}');
  const counters = reloadCounters(catalogue);
  counters.failed = 3;
  const text = await expose(catalogue);
  expect(text).toContain('coredns_reload_failed_total 3\n');
  expect(text).toContain(
    `coredns_reload_version_info{hash="sha512",value="${counters.digest}"} 1\n`,
  );
});
