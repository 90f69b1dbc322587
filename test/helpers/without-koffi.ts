/** The built daemon on a machine for which koffi has no native part. */
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BUNDLE } from './daemon-process.ts';

const root = new URL('../..', import.meta.url).pathname;

/** Copies the bundle and what it loads, all but koffi, to a folder that the caller removes. */
export function copyWithoutKoffi(): { readonly folder: string; readonly bundle: string } {
  const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-without-koffi-'));
  cpSync(dirname(BUNDLE), join(folder, 'dist'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  for (const name of ['netlink', 'node-gyp-build']) {
    cpSync(`${root}node_modules/${name}`, join(folder, 'node_modules', name), { recursive: true });
  }
  return { folder, bundle: join(folder, 'dist/nodelocaldns.js') };
}
