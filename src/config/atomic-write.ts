/** Writes a file so that a reader sees the old or the new content, never a part. */
import { realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** How a file was written. */
export type WriteMethod = 'renamed' | 'in-place';

/** Reasons why a folder takes no new file, or a mounted file cannot be replaced. */
const NO_NEW_FILE: ReadonlySet<unknown> = new Set(['EROFS', 'EACCES', 'EPERM', 'EBUSY', 'EXDEV']);

/**
 * Writes `text` to a new file beside `path` and renames it. Where that is not allowed, the file is
 * written in place. A symbolic link is followed, not replaced. Rejects with the file system's error.
 */
export async function writeAtomically(path: string, text: string): Promise<WriteMethod> {
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    await writeFile(temporary, text);
    await rename(temporary, target);
    return 'renamed';
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (!NO_NEW_FILE.has((error as NodeJS.ErrnoException).code)) throw error;
    await writeFile(target, text);
    return 'in-place';
  }
}
