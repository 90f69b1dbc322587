import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PathWatch, textVersion, type WatchOptions } from '../../../src/config/watch.ts';

let folder = '';
const stops: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** A watch under fake timers, with events made by the test. */
function startFake(options: Partial<WatchOptions> = {}) {
  vi.useFakeTimers();
  const onChange = vi.fn();
  const subscribed = new Map<string, () => void>();
  const watch = new PathWatch(
    {
      path: join(folder, 'file'),
      kind: 'file',
      pollIntervalMs: 10_000,
      debounceMs: 100,
      ...options,
    },
    {
      onChange,
      subscribe: (path, onEvent) => {
        if (path.includes('missing')) throw new Error('ENOENT');
        subscribed.set(path, onEvent);
        return { close: () => subscribed.delete(path) };
      },
    },
  );
  watch.start();
  stops.push(() => watch.stop());
  return { watch, onChange, subscribed };
}

describe('with events', () => {
  test('several events in a row are one change', () => {
    writeFileSync(join(folder, 'file'), 'a');
    const { onChange, subscribed } = startFake();
    writeFileSync(join(folder, 'file'), 'b');
    for (const onEvent of [...subscribed.values()]) onEvent();
    vi.advanceTimersByTime(99);
    expect(onChange).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  test('an event without another content is no change', () => {
    writeFileSync(join(folder, 'file'), 'a');
    const { onChange, subscribed } = startFake();
    writeFileSync(join(folder, 'file'), 'a');
    subscribed.get(folder)?.();
    vi.advanceTimersByTime(100);
    expect(onChange).not.toHaveBeenCalled();
  });

  test('later events do not put off the look', () => {
    writeFileSync(join(folder, 'file'), 'a');
    const { onChange, subscribed } = startFake();
    writeFileSync(join(folder, 'file'), 'b');
    for (let i = 0; i < 4; i++) {
      subscribed.get(folder)?.();
      vi.advanceTimersByTime(40);
    }
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  test('a link is watched at both ends', () => {
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real', 'x'), '');
    symlinkSync('real/x', join(folder, 'file'));
    const { subscribed } = startFake();
    expect([...subscribed.keys()].sort()).toEqual(
      [folder, join(folder, 'file'), join(folder, 'real')].sort(),
    );
  });
});

describe('without events', () => {
  test.each(['file', 'folder'] as const)('the poll notices a change of a %s', (kind) => {
    mkdirSync(join(folder, 'missing'));
    const path = kind === 'file' ? join(folder, 'missing', 'file') : join(folder, 'missing');
    writeFileSync(join(folder, 'missing', 'file'), 'a');
    const { onChange } = startFake({ path, kind });
    vi.advanceTimersByTime(10_000);
    expect(onChange).not.toHaveBeenCalled();
    writeFileSync(join(folder, 'missing', 'file'), 'b');
    vi.advanceTimersByTime(10_000);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  test('what appears and what goes away is a change', () => {
    const { onChange } = startFake({ path: join(folder, 'missing'), kind: 'folder' });
    mkdirSync(join(folder, 'missing'));
    vi.advanceTimersByTime(10_000);
    expect(onChange).toHaveBeenCalledTimes(1);
    rmSync(join(folder, 'missing'), { recursive: true });
    vi.advanceTimersByTime(10_000);
    expect(onChange).toHaveBeenCalledTimes(2);
  });

  test('a change since the content was read is noticed', () => {
    writeFileSync(join(folder, 'file'), 'as it is now');
    const { onChange } = startFake({ knownVersion: textVersion('as it was read') });
    vi.advanceTimersByTime(100);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  test('content that is still as it was read is no change', () => {
    writeFileSync(join(folder, 'file'), 'as it was read');
    const { onChange } = startFake({ knownVersion: textVersion('as it was read') });
    vi.advanceTimersByTime(20_000);
    expect(onChange).not.toHaveBeenCalled();
  });

  test('each poll subscribes anew, and once', () => {
    writeFileSync(join(folder, 'file'), 'a');
    const { subscribed } = startFake();
    const before = subscribed.get(folder);
    vi.advanceTimersByTime(10_000);
    expect(subscribed.get(folder)).not.toBe(before);
    expect(subscribed.size).toBe(2);
  });
});

test('after stop nothing is called or watched', () => {
  writeFileSync(join(folder, 'file'), 'a');
  const { watch, onChange, subscribed } = startFake();
  writeFileSync(join(folder, 'file'), 'b');
  subscribed.get(folder)?.();
  watch.stop();
  vi.advanceTimersByTime(60_000);
  expect(onChange).not.toHaveBeenCalled();
  expect(subscribed.size).toBe(0);
});

describe('on a real disk', () => {
  /** Resolves at the next change; only events can bring it in time. */
  function startReal(path: string, kind: WatchOptions['kind']) {
    let changed: () => void = () => {};
    const watch = new PathWatch(
      { path, kind, pollIntervalMs: 3_600_000, debounceMs: 5 },
      { onChange: () => changed() },
    );
    watch.start();
    stops.push(() => watch.stop());
    return () => new Promise<void>((resolve) => (changed = resolve));
  }

  /** Puts `text` into a ConfigMap as kubelet does: a new folder, then the link is swapped. */
  function project(version: string, text: string): void {
    mkdirSync(join(folder, `..${version}`));
    writeFileSync(join(folder, `..${version}`, 'Corefile.base'), text);
    symlinkSync(`..${version}`, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  }

  test.each(['file', 'folder'] as const)(
    'a ConfigMap swapped by kubelet is noticed: %s',
    async (kind) => {
      project('v1', 'one');
      symlinkSync('..data/Corefile.base', join(folder, 'Corefile.base'));
      const path = kind === 'file' ? join(folder, 'Corefile.base') : folder;
      const nextChange = startReal(path, kind);
      for (const version of ['v2', 'v3']) {
        const change = nextChange();
        project(version, version);
        await change;
      }
    },
  );

  test('a folder that appears is noticed, and then what is in it', async () => {
    const path = join(folder, 'later');
    const nextChange = startReal(path, 'folder');
    const appeared = nextChange();
    mkdirSync(path);
    await appeared;
    const filled = nextChange();
    writeFileSync(join(path, 'key'), 'value');
    await filled;
  });

  test.each(['written in place', 'replaced'])('a file that is %s is noticed', async (how) => {
    const path = join(folder, 'file');
    writeFileSync(path, 'a');
    const nextChange = startReal(path, 'file');
    for (const text of ['b', 'c']) {
      const change = nextChange();
      writeFileSync(how === 'replaced' ? join(folder, 'new') : path, text);
      if (how === 'replaced') renameSync(join(folder, 'new'), path);
      await change;
    }
  });
});
