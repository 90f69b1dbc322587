/** Where the text of the Corefile comes from. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

/** The name of `-conf` that means standard input. */
export const STDIN = 'stdin';

/** Gives the text of the Corefile as it is now. Rejects with the file system's error. */
export type ReadCorefile = () => Promise<string>;

/** A reader of the Corefile at `path`. Standard input is read once; it says the same ever after. */
export function corefileReader(path: string): ReadCorefile {
  if (path !== STDIN) return () => readFile(path, 'utf8');
  let input: Promise<string> | null = null;
  return () => {
    input ??= text(process.stdin);
    return input;
  };
}
