import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Source } from '../../../src/config/file-source.ts';
import { contentVersion } from '../../../src/config/watch.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
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

function sourceAt(file: string): Source {
  return { path: file, kind: 'file', version: contentVersion(file, 'file') };
}

/** A daemon with a Corefile in force that is looked at every 10 s, and how often it was to reload. */
async function start() {
  vi.useFakeTimers();
  writeFileSync(path, 'one');
  const corefile = { digest: 'aa', sources: [sourceAt(path)] };
  const reloadIfChanged = vi.fn(async () => true);
  const { context, generation, lines } = makeContext();
  const daemon = { ...context.daemon, corefile, reloadIfChanged };
  const options = parseWith(reload, 'reload 10s 0s');
  for (const index of [0, 1]) reload.service?.(options, { ...context, daemon, index });
  await generation.start();
  stops.push(() => generation.stop());
  /** Lets one interval pass. */
  const tick = () => vi.advanceTimersByTimeAsync(10_000);
  return { corefile, reloadIfChanged, lines, generation, tick };
}

test('a Corefile that stays as it is is not read again', async () => {
  const { reloadIfChanged, lines, tick } = await start();
  await tick();
  expect(reloadIfChanged).not.toHaveBeenCalled();
  expect(lines).toEqual(['[INFO] plugin/reload: Running configuration SHA512 = aa']);
});

test('one that changes is read again, once, however many blocks have the directive', async () => {
  const { corefile, reloadIfChanged, lines, tick } = await start();
  reloadIfChanged.mockImplementation(async () => {
    corefile.digest = 'bb';
    return true;
  });
  writeFileSync(path, 'two');
  await tick();
  await tick();
  expect(reloadIfChanged).toHaveBeenCalledTimes(1);
  expect(lines.slice(1)).toEqual(['[INFO] plugin/reload: Running configuration SHA512 = bb']);
});

test('one that changed while the daemon was about to start is read again', async () => {
  const { corefile, reloadIfChanged, tick } = await start();
  await tick();
  const late = join(folder, 'late');
  writeFileSync(late, 'as it was read');
  corefile.sources = [sourceAt(path), sourceAt(late)];
  writeFileSync(late, 'as it is now');
  writeFileSync(path, 'two');
  await tick();
  await vi.advanceTimersByTimeAsync(200);
  expect(reloadIfChanged).toHaveBeenCalledTimes(2);
});

test('what a Corefile comes to import is followed, what it no longer imports is not', async () => {
  const { corefile, reloadIfChanged, tick } = await start();
  const more = join(folder, 'more');
  writeFileSync(more, 'log');
  corefile.sources = [sourceAt(path), sourceAt(more)];
  writeFileSync(path, 'import more');
  await tick();
  writeFileSync(more, 'errors');
  await tick();
  expect(reloadIfChanged).toHaveBeenCalledTimes(2);
  corefile.sources = [sourceAt(path)];
  writeFileSync(path, 'import nothing');
  await tick();
  writeFileSync(more, 'whoami');
  await tick();
  expect(reloadIfChanged).toHaveBeenCalledTimes(3);
});

test('one that was refused is not tried again until it changes', async () => {
  const { reloadIfChanged, lines, tick } = await start();
  reloadIfChanged.mockResolvedValueOnce(false);
  writeFileSync(path, 'nonsense');
  await tick();
  await tick();
  expect(reloadIfChanged).toHaveBeenCalledTimes(1);
  expect(lines.at(-1)).toBe('[ERROR] plugin/reload: Corefile changed but reload failed');
  rmSync(path);
  await tick();
  expect(reloadIfChanged).toHaveBeenCalledTimes(2);
  writeFileSync(path, 'nonsense');
  await tick();
  expect(reloadIfChanged).toHaveBeenCalledTimes(3);
});

test('after the end nothing is read', async () => {
  const { reloadIfChanged, generation } = await start();
  writeFileSync(path, 'two');
  await generation.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(vi.getTimerCount()).toBe(0);
  expect(reloadIfChanged).not.toHaveBeenCalled();
});

test('the metrics show the hash in force and the reloads that failed', async () => {
  const catalogue = new Catalogue();
  Object.assign(reloadCounters(catalogue), { failed: 3, digest: 'aa' });
  const text = await expose(catalogue);
  expect(text).toContain('coredns_reload_failed_total 3\n');
  expect(text).toContain('coredns_reload_version_info{hash="sha512",value="aa"} 1\n');
});
