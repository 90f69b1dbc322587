/** Reads a mounted ConfigMap: one file for each key (spec §3.4). */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What a folder holds. */
export interface FolderContent {
  /** Contents by file name, in the order of the names. BOUNDED by the ConfigMap's 1 MiB. */
  readonly files: ReadonlyMap<string, string>;
  /** SHA-256 over names and contents; '' for a folder without files. */
  readonly version: string;
}

/**
 * Reads the files of a folder. Folders in it are left out, and names that start with a dot: kubelet
 * keeps its own links there. Throws what the file system throws, and TypeError for what is not UTF-8.
 */
export function readFolder(path: string): FolderContent {
  const files = new Map<string, string>();
  for (const name of readdirSync(path).sort()) {
    const file = join(path, name);
    if (!name.startsWith('.') && statSync(file).isFile()) files.set(name, readUtf8(file));
  }
  if (files.size === 0) return { files, version: '' };
  const hash = createHash('sha256');
  for (const [name, content] of files) hash.update(`${name}\0${content}\0`);
  return { files, version: hash.digest('hex') };
}

/** The text of a file. Throws TypeError when it is not UTF-8. */
function readUtf8(path: string): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
}
