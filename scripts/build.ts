/**
 * Bundles the daemon into one file, `dist/nodelocaldns.js`. One JavaScript file starts faster and
 * stays smaller in memory than sources whose types are stripped at run time. The two packages with
 * native parts stay in node_modules.
 */
import { chmod, readFile } from 'node:fs/promises';
import { build } from 'esbuild';

const OUTPUT = 'dist/nodelocaldns.js';

/** ESM has no `require`; bundled CommonJS packages ask for Node's own modules through it. */
const BANNER = [
  '#!/usr/bin/env node',
  "import { createRequire as createBundleRequire } from 'node:module';",
  'const require = createBundleRequire(import.meta.url);',
].join('\n');

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));

await build({
  absWorkingDir: root.pathname,
  entryPoints: ['src/main.ts'],
  outfile: OUTPUT,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  external: ['koffi', 'netlink'],
  banner: { js: BANNER },
  define: { 'process.env.NODELOCALDNS_VERSION': JSON.stringify(version) },
  // Names stay, so that stack traces and CPU profiles of the shipped file can be read.
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
});
await chmod(new URL(OUTPUT, root), 0o755);
