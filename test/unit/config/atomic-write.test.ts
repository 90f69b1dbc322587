import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeAtomically } from '../../../src/config/atomic-write.ts';

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, rename: vi.fn(real.rename) };
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('makes a file and replaces it, leaving nothing else behind', async () => {
  const path = join(folder, 'Corefile');
  expect(await writeAtomically(path, 'one')).toBe('renamed');
  expect(await writeAtomically(path, 'two')).toBe('renamed');
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(readdirSync(folder)).toEqual(['Corefile']);
});

test('writes what a link leads to', async () => {
  writeFileSync(join(folder, 'real'), 'one');
  symlinkSync('real', join(folder, 'Corefile'));
  await writeAtomically(join(folder, 'Corefile'), 'two');
  expect(readlinkSync(join(folder, 'Corefile'))).toBe('real');
  expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('two');
});

test('rejects when there is no folder', async () => {
  await expect(writeAtomically(join(folder, 'none', 'x'), '')).rejects.toMatchObject({
    code: 'ENOENT',
  });
});

test('rejects when the path is a folder, and leaves nothing behind', async () => {
  mkdirSync(join(folder, 'Corefile'));
  await expect(writeAtomically(join(folder, 'Corefile'), 'x')).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(['Corefile']);
});

test.each(['EROFS', 'EACCES', 'EBUSY'])(
  'writes in place where renaming ends with %s',
  async (code) => {
    const path = join(folder, 'Corefile');
    writeFileSync(path, 'a longer text');
    vi.mocked(fs.rename).mockRejectedValueOnce(Object.assign(new Error(code), { code }));
    expect(await writeAtomically(path, 'two')).toBe('in-place');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['Corefile']);
  },
);
