/**
 * The threads on which V8 compiles and collects beside us. Where they have to share a core with the
 * thread that answers, a query may come while one of them has its turn, which it keeps for
 * milliseconds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const TASKS = '/proc/self/task';
/** As Node names them (pthread_setname_np). */
const HELPER_NAME = 'V8Worker';
/**
 * The thread that answers gets ten times their share, and the processor as soon as it wants it. Not
 * less for them: it may have to wait for what one of them has begun.
 */
const NICENESS = 10;

/** Puts those that there are behind all other threads. For a process that has started. Never throws. */
export function putHelpersBehind(): void {
  try {
    for (const task of readdirSync(TASKS)) {
      if (readFileSync(`${TASKS}/${task}/comm`, 'latin1').trim() !== HELPER_NAME) continue;
      // Linux has a priority for each thread, and takes its number as that of a process.
      setPriority(Number(task), NICENESS);
    }
  } catch {
    // Without /proc, or forbidden: as it was.
  }
}
