/** The file with our process ID: an output for others, never read by us (spec §1.3). */
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { Log } from '../log/log.ts';

/** Writes it once we listen. A failure is logged and changes nothing else. */
export async function writePidfile(path: string, log: Log): Promise<void> {
  try {
    await writeFile(path, `${process.pid}\n`, { mode: 0o644 });
  } catch (error) {
    log.error(`writing the pidfile "${path}": ${String(error)}`);
  }
}

/** Removes it, unless a successor has written its own ID by now. */
export async function removePidfile(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text.trim() === String(process.pid)) await rm(path, { force: true });
}
