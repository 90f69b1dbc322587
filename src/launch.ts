/**
 * The file that is started, `dist/nodelocaldns.js`. It runs the program beside it, and spares V8
 * compiling most of it: a fifth of the time to the first answer (docs/decisions/0010-performance.md).
 * A cache that another version of V8 made is refused by V8 itself, and all is compiled as usual.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { setFlagsFromString } from 'node:v8';
import { constants, Script } from 'node:vm';

const folder = dirname(__filename);
const filename = join(folder, 'program.js');

// What Node makes of a CommonJS file (https://nodejs.org/api/modules.html#the-module-wrapper). The
// build sees to it that it is ASCII.
const source = `(function (require, __filename) {${readFileSync(filename, 'latin1')}\n})`;
const script = new Script(source, {
  filename,
  ...readCache(),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const cachePath = process.env.NODELOCALDNS_WRITE_CACHE;
if (cachePath !== undefined) writeCacheWhenTold(cachePath);
script.runInThisContext()(createRequire(filename), filename);

/** For scripts/code-cache.ts: what V8 has compiled by then is what a start needs. */
function writeCacheWhenTold(path: string): void {
  // V8 refuses a cache that was made with other flags than those of a start.
  const v8: { setFlagsFromString: typeof setFlagsFromString } = createRequire(filename)('node:v8');
  v8.setFlagsFromString = () => {};
  process.once('message', () => {
    writeFileSync(path, script.createCachedData());
    process.exit(0);
  });
}

function readCache(): { readonly cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(join(folder, 'program.cache')) };
  } catch {
    return {};
  }
}
