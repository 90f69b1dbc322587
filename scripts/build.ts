/**
 * Bundles the daemon into one file, `dist/program.js`, which `dist/nodelocaldns.js` runs with what V8
 * had made of it here. One JavaScript file starts faster and stays smaller in memory than sources
 * whose types are stripped at run time. Native parts of packages stay in node_modules.
 *
 * The bundle is CommonJS: an ESM import of one of Node's own modules evaluates all of its lazy
 * exports, `node:http` alone 17 MB of them (docs/decisions/0010-performance.md).
 */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { build, type Plugin } from 'esbuild';
import { buildPage } from './build-page.ts';
import { writeCodeCache } from './code-cache.ts';

const LAUNCHER = 'dist/nodelocaldns.js';
const PROGRAM = 'dist/program.js';
const CACHE = 'dist/program.cache';

const BANNER = "const bundleUrl = require('node:url').pathToFileURL(__filename).href;";

/** Loaded when first used, not when imported: what the configuration does not need costs nothing. */
const LAZY = /^(node:|koffi$|netlink$)/;

/** Native parts, found next to the bundle in node_modules. */
const NATIVE = /^@koromix\/koffi-/;

/** How our files load koffi, where it can be had; the bundle holds what of it is JavaScript. */
const LOADS_KOFFI = "createRequire(import.meta.url)('koffi')";

/** Parts of packages that nothing here calls, by importer; each is replaced by an empty module. */
const UNUSED: readonly { readonly importer: string; readonly path: RegExp }[] = [
  {
    importer: '/prom-client/',
    path: /^(\.\/lib\/(pushgateway|cluster|summary)|@opentelemetry\/api)$/,
  },
  { importer: '/netlink/', path: /^\.\/(genl|nl80211|wg)\// },
];

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
const page = await buildPage();
const require = createRequire(import.meta.url);

await build({
  absWorkingDir: root.pathname,
  entryPoints: ['src/main.ts'],
  outfile: PROGRAM,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  plugins: [lazyModules(), unusedParts(), netlinkBinding(), koffiWrapper()],
  banner: { js: BANNER },
  define: {
    'process.env.NODELOCALDNS_VERSION': JSON.stringify(version),
    'process.env.NODELOCALDNS_PAGE': JSON.stringify(page.body),
    'process.env.NODELOCALDNS_PAGE_SCRIPT': JSON.stringify(page.scriptHash),
    'import.meta.url': 'bundleUrl',
    // Koffi looks around it for a native part that was not found as a package.
    __dirname: '""',
  },
  // Names stay, so that stack traces and CPU profiles of the shipped file can be read.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
});
await shareLazyModules();
await checkAscii();
await build({
  absWorkingDir: root.pathname,
  entryPoints: ['src/launch.ts'],
  outfile: LAUNCHER,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
});
await chmod(new URL(LAUNCHER, root), 0o755);
await writeFile(new URL('dist/package.json', root), '{ "type": "commonjs" }\n');
await writeCodeCache(new URL(LAUNCHER, root).pathname, new URL(CACHE, root).pathname);

/**
 * esbuild gives every importing file a copy of the module's hundred getters, for the sake of default
 * imports. Without those all can share the one object: 5 ms of a start.
 */
async function shareLazyModules(): Promise<void> {
  const text = await readFile(new URL(PROGRAM, root), 'utf8');
  const lazy = [...text.matchAll(/(\w+)=__commonJS\(\{"lazy:node:/g)].map(([, name]) => name);
  const imports = new RegExp(`(\\w+)=__toESM\\((${lazy.join('|')})\\(\\),1\\)`, 'g');
  const shared = text.replace(imports, (copied, variable: string, module: string) =>
    text.includes(`${variable}.default`) ? copied : `${variable}=${module}()`,
  );
  if (shared === text) throw new Error(`${PROGRAM}: esbuild writes imports in another way by now`);
  await writeFile(new URL(PROGRAM, root), shared);
}

/** V8 keeps ASCII in half the memory, and the launcher reads it as that. esbuild leaves regexps as they are. */
async function checkAscii(): Promise<void> {
  const text = await readFile(new URL(PROGRAM, root), 'utf8');
  const found = /[^\0-\x7f]/.exec(text);
  if (found === null) return;
  const around = text.slice(Math.max(0, found.index - 40), found.index + 40);
  throw new Error(`${PROGRAM} is not ASCII: "${around}"; write \\u escapes in regular expressions`);
}

/** Puts an object of getters in the place of a module: the first one asked for loads it. */
function lazyModules(): Plugin {
  return {
    name: 'lazy-modules',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: LAZY }, ({ path, namespace, kind, importer }) => {
        const isImport = kind === 'import-statement' || importer.includes('/koffi/');
        if (namespace !== 'lazy' && isImport) return { path, namespace: 'lazy' };
        return path.startsWith('node:') ? { path, external: true } : undefined;
      });
      onResolve({ filter: NATIVE }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /./, namespace: 'lazy' }, ({ path }) => ({
        contents: gettersFor(path),
        resolveDir: root.pathname,
      }));
    },
  };
}

function gettersFor(path: string): string {
  return `let loaded;
for (const name of ${JSON.stringify(Object.keys(require(path)))}) {
  const get = () => (loaded ??= require(${JSON.stringify(path)}))[name];
  Object.defineProperty(exports, name, { enumerable: true, get });
}`;
}

function unusedParts(): Plugin {
  return {
    name: 'unused-parts',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, importer }) =>
        UNUSED.some((part) => importer.includes(part.importer) && part.path.test(path))
          ? { path, namespace: 'unused' }
          : undefined,
      );
      onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: '' }));
    },
  };
}

/** The file of netlink that loads its native part looks for it from its own folder: it stays there. */
function netlinkBinding(): Plugin {
  return {
    name: 'netlink-binding',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\/raw$/ }, ({ importer }) =>
        importer.includes('/netlink/')
          ? { path: 'netlink/dist/raw.js', external: true }
          : undefined,
      );
    },
  };
}

/**
 * Koffi's own JavaScript takes 10 ms to find and compile; in the bundle, nearly none. Our files load it
 * at run time, for the sake of machines without it: in the bundle that is a module like any other,
 * and throws there as well when its native part is missing.
 */
function koffiWrapper(): Plugin {
  return {
    name: 'koffi-wrapper',
    setup({ onLoad, onEnd }) {
      let isFound = false;
      onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (!text.includes(LOADS_KOFFI)) return undefined;
        isFound = true;
        return { contents: text.replace(LOADS_KOFFI, "require('koffi')"), loader: 'ts' };
      });
      onEnd(() => {
        if (!isFound) throw new Error(`nothing says ${LOADS_KOFFI} any more`);
      });
    },
  };
}
