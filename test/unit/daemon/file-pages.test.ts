import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { unwrittenMappings } from '../../../src/daemon/file-pages.ts';

const NODE_BINARY = '/usr/local/bin/node (deleted)';

/** An entry of smaps(5) with the lines that matter. */
function entry(range: string, mode: string, anonymousKib: number, path = NODE_BINARY): string {
  return `${range} ${mode} 0034a000 fe:00 77    ${path}
Size:              41960 kB
Rss:               24544 kB
Anonymous:             ${anonymousKib} kB
LazyFree:              0 kB
VmFlags: rd ex mr mw me sd
`;
}

describe('the mappings that can be taken away', () => {
  test('are code and constants of the binary', () => {
    const smaps = entry('00400000-0074a000', 'r--p', 0) + entry('0074a000-03044000', 'r-xp', 0);
    expect(unwrittenMappings(smaps, NODE_BINARY)).toEqual([
      { start: 0x400000, length: 0x34a000 },
      { start: 0x74a000, length: 0x28fa000 },
    ]);
  });

  test.each([
    ['with pages of their own', entry('00400000-0074a000', 'r--p', 4)],
    ['that can be written', entry('00400000-0074a000', 'rw-p', 0)],
    ['that are shared', entry('00400000-0074a000', 'r--s', 0)],
    ['of no file', entry('00400000-0074a000', 'r--p', 0, '')],
    ['of another file', entry('00400000-0074a000', 'r--p', 0, '/etc/ld.so.cache')],
  ])('are not those %s', (_what, smaps) => {
    expect(unwrittenMappings(smaps, NODE_BINARY)).toEqual([]);
  });

  test('are none in a text without mappings', () => {
    expect(unwrittenMappings('', NODE_BINARY)).toEqual([]);
  });
});

/** In a process of its own, whose pages nobody else uses. Prints octets of files before, after, and after a part. */
const PROGRAM = `
import { FilePages } from '${new URL('../../../src/daemon/file-pages.ts', import.meta.url).href}';
const pages = await FilePages.find();
const before = pages.usage().fileOctets;
for (let i = 0; i < pages.pieces; i++) pages.giveUpNext();
const after = pages.usage().fileOctets;
JSON.parse(JSON.stringify({ used: [again => again] }));
for (let i = 0; i < pages.pieces; i++) pages.releaseNext();
pages.trim();
console.log(JSON.stringify({ pieces: pages.pieces, before, after, later: pages.usage().fileOctets }));
`;

test('once round takes away most of what the start of Node.js needed', () => {
  const node = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
  const { stdout, stderr } = spawnSync(node, ['--input-type=module', '-e', PROGRAM], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const { pieces, before, after, later } = JSON.parse(stdout);
  expect(pieces).toBeGreaterThan(50);
  expect(after).toBeLessThan(before / 2);
  expect(later).toBeLessThan(before / 2);
});
