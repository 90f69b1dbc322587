/** Where the files that a Corefile imports come from. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { contentVersion, textVersion } from './watch.ts';

export interface FileSource {
  /** Paths of the files that match an absolute pattern with at most one `*`, sorted. */
  match(pattern: string): string[];
  /** The text of a file. Throws what the file system throws. */
  read(path: string): string;
}

/** What a configuration was read from, so that changes of it can be looked for. */
export interface Source {
  readonly path: string;
  /** A folder stands for the files in it. */
  readonly kind: 'file' | 'folder';
  /** As `contentVersion` has it, of what was read. */
  readonly version: string;
}

/** The file system. Like a shell, `*` does not match a leading dot: ConfigMaps keep folders there. */
export const diskFiles: FileSource = {
  match: matchOnDisk,
  read: (path) => readFileSync(path, 'utf8'),
};

/**
 * Reads from `files` and puts down in `sources` what was looked at, files that are missing too.
 *
 * @param sources by path
 */
export function recordSources(files: FileSource, sources: Map<string, Source>): FileSource {
  const put = (path: string, kind: Source['kind'], version = contentVersion(path, kind)) =>
    sources.set(path, { path, kind, version });
  return {
    match(pattern) {
      const star = pattern.indexOf('*');
      if (star < 0) put(pattern, 'file');
      else put(dirname(pattern.slice(0, star + 1)), 'folder');
      return files.match(pattern);
    },
    read(path) {
      const text = files.read(path);
      put(path, 'file', textVersion(text));
      return text;
    },
  };
}

function matchOnDisk(pattern: string): string[] {
  const star = pattern.indexOf('*');
  if (star < 0) return existsSync(pattern) ? [pattern] : [];
  const folder = pattern.slice(0, pattern.lastIndexOf('/', star) + 1);
  const slash = pattern.indexOf('/', star);
  const nameEnd = slash < 0 ? pattern.length : slash;
  const prefix = pattern.slice(folder.length, star);
  const suffix = pattern.slice(star + 1, nameEnd);
  return namesIn(folder)
    .filter((name) => prefix !== '' || !name.startsWith('.'))
    .filter((name) => name.length >= prefix.length + suffix.length)
    .filter((name) => name.startsWith(prefix) && name.endsWith(suffix))
    .map((name) => folder + name + pattern.slice(nameEnd))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .sort();
}

/** What a folder holds; nothing when it cannot be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
