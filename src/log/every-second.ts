/**
 * One timer for all that is looked at each second. On an idle node most of what a daemon costs is
 * waking up: what is done together is done at the price of one.
 */

const INTERVAL_MS = 1000;

/** BOUNDED by the parts of the daemon that look at something each second. */
const works = new Set<() => void>();
let timer: NodeJS.Timeout | null = null;

/**
 * Calls `work` each second from now on, the first time within a second; keeps no process alive.
 *
 * @param work must not throw
 * @returns ends the calls
 */
export function everySecond(work: () => void): () => void {
  // Several may ask for the same function.
  const own = () => work();
  works.add(own);
  timer ??= setInterval(runAll, INTERVAL_MS).unref();
  return () => {
    works.delete(own);
    if (works.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

function runAll(): void {
  for (const work of works) work();
}
