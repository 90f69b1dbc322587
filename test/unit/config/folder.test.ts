import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFolder } from '../../../src/config/folder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('reads files and links to files, in the order of their names', () => {
  mkdirSync(join(folder, '..data'));
  writeFileSync(join(folder, '..data', 'stubDomains'), '{}');
  symlinkSync('..data/stubDomains', join(folder, 'stubDomains'));
  writeFileSync(join(folder, 'a'), 'x');
  writeFileSync(join(folder, '.hidden'), 'x');
  mkdirSync(join(folder, 'sub'));
  const { files, version } = readFolder(folder);
  expect([...files]).toEqual([
    ['a', 'x'],
    ['stubDomains', '{}'],
  ]);
  expect(version).toMatch(/^[0-9a-f]{64}$/);
});

test('an empty folder has the empty version', () => {
  expect(readFolder(folder)).toEqual({ files: new Map(), version: '' });
});

test('names and contents count for the version', () => {
  writeFileSync(join(folder, 'a'), 'x');
  const versions = [readFolder(folder).version];
  writeFileSync(join(folder, 'a'), 'y');
  versions.push(readFolder(folder).version);
  writeFileSync(join(folder, 'b'), '');
  versions.push(readFolder(folder).version);
  rmSync(join(folder, 'a'));
  versions.push(readFolder(folder).version);
  expect(new Set(versions).size).toBe(4);
});

test('a folder that is missing, and text that is not UTF-8, are errors', () => {
  expect(() => readFolder(join(folder, 'none'))).toThrow('ENOENT');
  writeFileSync(join(folder, 'a'), Buffer.from([0xff]));
  expect(() => readFolder(folder)).toThrow(TypeError);
});
