import { describe, expect, test } from 'vitest';
import { findFaults } from '../../../scripts/check-layers.ts';

const faultsOf = (path: string, text: string) => findFaults(new Map([[path, text]]));

describe('imports', () => {
  test.each([
    ['dns/a.ts', "import { b } from './b.ts';"],
    ['cache/a.ts', "import type { Answer } from '../dns/answer.ts';"],
    ['server/a.ts', "import type { Stage } from '../plugins/stage.ts';"],
    ['dns/a.ts', "import { readFile } from 'node:fs/promises';"],
    ['main.ts', "import { start } from './daemon.ts';"],
    ['main.ts', "import { createProgram } from './daemon/program.ts';"],
    ['daemon.ts', "import { Cache } from './cache/cache.ts';"],
    ['daemon/parts.ts', "import { Cache } from '../cache/cache.ts';"],
  ])('%s may say %s', (path, text) => {
    expect(faultsOf(path, text)).toEqual([]);
  });

  test.each([
    ['dns/a.ts', "import { Log } from '../log/log.ts';", 'log/log.ts'],
    ['dns/a.ts', "import type { Log } from '../log/log.ts';", 'log/log.ts'],
    ['server/a.ts', "import { cache } from '../plugins/cache.ts';", 'plugins/cache.ts'],
    ['host/a.ts', "const late = await import('../server/zones.ts');", 'server/zones.ts'],
    ['host/a.ts', "import '../server/zones.ts';", 'server/zones.ts'],
    ['cli/demo.ts', "import { start } from '../daemon.ts';", 'daemon.ts'],
    ['plugins/a.ts', "import { Parts } from '../daemon/parts.ts';", 'daemon/parts.ts'],
    ['daemon.ts', "import { main } from './main.ts';", 'main.ts'],
    ['cli/a.ts', "import { helper } from '../../test/helper.ts';", '../test/helper.ts'],
    ['newcomer/a.ts', "import { Log } from '../log/log.ts';", 'log/log.ts'],
    ['main.ts', "import { Cache } from './cache/cache.ts';", 'cache/cache.ts'],
    ['dns/a.ts', "import {\n  a,\n  b,\n} from '../log/log.ts';", 'log/log.ts'],
  ])('%s must not say %s', (path, text, target) => {
    expect(faultsOf(path, text)).toEqual([`${path}: must not import ${target}`]);
  });
});

describe('shape of a file', () => {
  test('300 lines pass, 301 do not', () => {
    expect(faultsOf('dns/a.ts', 'x\n'.repeat(300))).toEqual([]);
    expect(faultsOf('dns/a.ts', 'x\n'.repeat(301))).toEqual(['dns/a.ts: 301 lines, at most 300']);
  });

  test.each(['export default class {}', 'const a = 1;\nexport default a;'])(
    'refuses %j',
    (text) => {
      expect(faultsOf('dns/a.ts', text)).toEqual(['dns/a.ts: default export']);
    },
  );

  test.each([
    "export * from './b.ts';",
    "export { b } from './b.ts';",
    "export type { B } from './b.ts';",
  ])('refuses %j', (text) => {
    expect(faultsOf('dns/a.ts', text)).toEqual(["dns/a.ts: passes on another file's exports"]);
  });

  test('an export of its own names is no barrel', () => {
    expect(faultsOf('dns/a.ts', 'const a = 1;\nexport { a };')).toEqual([]);
  });
});
