/**
 * Holds the order of the folders: prints every import in `src` that points against it, and every
 * file that is too long, has a default export or only passes on what others export.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

/** What each folder of `src` may import beside itself: folders, or single files of one. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  tables: [],
  dns: [],
  log: [],
  metrics: ['log'],
  sockets: ['tables', 'dns', 'log'],
  config: ['log'],
  cache: ['tables', 'dns', 'log'],
  forward: ['tables', 'dns', 'log', 'metrics', 'sockets'],
  plugins: ['tables', 'dns', 'log', 'cache', 'forward', 'config', 'metrics'],
  server: [
    'tables',
    'dns',
    'log',
    'metrics',
    'sockets',
    'plugins/stage.ts',
    'plugins/directive.ts',
    'cache/counters.ts',
  ],
  host: ['log', 'metrics'],
  control: ['dns', 'log', 'config', 'metrics', 'sockets', 'cache', 'forward', 'plugins', 'server'],
  page: ['control/protocol.ts'],
  cli: [
    'config',
    'dns',
    'forward/resolv-conf.ts',
    'host',
    'log',
    'metrics/version.ts',
    'control/control-client.ts',
    'control/control-error.ts',
    'control/protocol.ts',
  ],
};

const MAX_LINES = 300;

/** Module names after `from`, `import` and `import(`. */
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)'([^']+)'/g;

/**
 * Faults in the files of a source folder, each a line `path: text`.
 *
 * @param files texts by path, relative to `src`
 */
export function findFaults(files: ReadonlyMap<string, string>): string[] {
  const faults: string[] = [];
  for (const [path, text] of files) {
    for (const target of importsOf(path, text)) {
      if (!mayImport(path, target)) faults.push(`${path}: must not import ${target}`);
    }
    const lines = text.split('\n').length - 1;
    if (lines > MAX_LINES) faults.push(`${path}: ${lines} lines, at most ${MAX_LINES}`);
    if (/^export default\b/m.test(text)) faults.push(`${path}: default export`);
    if (/^export\s+(type\s+)?(\*|\{[^}]*\}\s*from\b)/m.test(text)) {
      faults.push(`${path}: passes on another file's exports`);
    }
  }
  return faults;
}

/** The files of ours that a file imports, relative to `src`. */
function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(IMPORT)]
    .map(([, name]) => name)
    .filter((name) => name.startsWith('.'))
    .map((name) => normalize(join(dirname(path), name)));
}

/** `daemon.ts` and the folder `daemon` put all parts together; only `main.ts` starts them. */
function mayImport(path: string, target: string): boolean {
  const folder = path.split('/', 1)[0];
  const targetFolder = target.split('/', 1)[0];
  if (path === 'main.ts') return ['cli', 'log', 'daemon', 'daemon.ts'].includes(targetFolder);
  if (targetFolder === '..' || target === 'main.ts') return false;
  if (folder === 'daemon.ts' || folder === 'daemon') return true;
  if (folder === targetFolder) return true;
  return (ALLOWED[folder] ?? []).some((allowed) => allowed === targetFolder || allowed === target);
}

/** Reads all TypeScript files below a folder. */
async function readSources(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (name.endsWith('.ts')) files.set(name, await readFile(join(folder, name), 'utf8'));
  }
  return files;
}

if (import.meta.main) {
  const faults = findFaults(await readSources(new URL('../src', import.meta.url).pathname));
  for (const fault of faults) console.error(`src/${fault}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
