import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diskFiles, recordSources, type Source } from '../../../src/config/file-source.ts';
import { contentVersion } from '../../../src/config/watch.ts';

let folder = '';
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'source-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function record(): { files: typeof diskFiles; sources: Map<string, Source> } {
  const sources = new Map<string, Source>();
  return { files: recordSources(diskFiles, sources), sources };
}

test('what is read is put down with the version that was read', () => {
  writeFileSync(at('one'), 'before');
  const { files, sources } = record();
  const version = contentVersion(at('one'), 'file');
  expect(files.match(at('one'))).toEqual([at('one')]);
  expect(files.read(at('one'))).toBe('before');
  writeFileSync(at('one'), 'after');
  expect([...sources.values()]).toEqual([{ path: at('one'), kind: 'file', version }]);
});

test('a file that is missing is put down, for it may come', () => {
  const { files, sources } = record();
  expect(files.match(at('missing'))).toEqual([]);
  expect([...sources.keys()]).toEqual([at('missing')]);
});

test.each([
  ['zones/*.conf', 'zones'],
  ['zones/a*', 'zones'],
  ['*/file', ''],
])('of the pattern %s the folder is put down', (pattern, parent) => {
  mkdirSync(at('zones'));
  const { files, sources } = record();
  files.match(at(pattern));
  expect([...sources.values()]).toEqual([
    expect.objectContaining({ path: join(folder, parent), kind: 'folder' }),
  ]);
});
