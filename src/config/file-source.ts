/** Where the files that a Corefile imports come from. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';

export interface FileSource {
  /** Paths of the files that match an absolute pattern with at most one `*`, sorted. */
  match(pattern: string): string[];
  /** The text of a file. Throws what the file system throws. */
  read(path: string): string;
}

/** The file system. Like a shell, `*` does not match a leading dot: ConfigMaps keep folders there. */
export const diskFiles: FileSource = {
  match: matchOnDisk,
  read: (path) => readFileSync(path, 'utf8'),
};

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
