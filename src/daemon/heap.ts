/**
 * V8's heap, kept small without collecting it all the time (docs/decisions/0010-performance.md says
 * what each line is worth). Nobody can be asked to start us with flags, so they are set while
 * running: only those are here that V8 looks at again and again.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Both halves of the young generation together, from which on it is not let grow: large enough that most misses are answered before a collection finds them,
 * small enough to stay in the processor's caches.
 */
const YOUNG_OCTETS = 4 * 1024 * 1024;
/** How far the old generation grows between two collections, in percent of what is in use. */
const OLD_GROWTH_PERCENT = 50;

/** For the start of the program. Calls `onCollected` soon after each collection. */
export function keepHeapSmall(onCollected: () => void): void {
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`);
  // Helpers burn more than they save: in the young generation there is little to do, and four of them
  // wait for each other over an old one of 20 MB.
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--concurrent-marking-max-worker-num=1');
  let growthFactor = 0;
  const setGrowth = (factor: number) => {
    if (factor === growthFactor) return;
    growthFactor = factor;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  };
  setGrowth(1);
  // There is no flag for its size that V8 heeds later. It doubles while we let it, and goes back to
  // its least when the process rests.
  const observer = new PerformanceObserver(() => {
    setGrowth(youngOctets() < YOUNG_OCTETS ? 2 : 1);
    onCollected();
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** A heap that has grown by less since it last was at rest is left alone. */
const WORTH_COLLECTING_OCTETS = 6 * 1024 * 1024;

/**
 * What to call while nothing happens: collects what a load has left behind, once. Left to itself V8
 * keeps a heap as large as it was in use, as it would for the next load.
 */
export function createRest(): () => void {
  let restedOctets = 0;
  let collect: (() => void) | null = null;
  return () => {
    const octets = getHeapStatistics().total_heap_size;
    if (octets < restedOctets + WORTH_COLLECTING_OCTETS) return;
    // The flag gives a function to contexts that are made later; this one has what it had.
    setFlagsFromString('--expose-gc');
    collect ??= runInNewContext('() => gc({ type: "major" })');
    collect?.();
    restedOctets = getHeapStatistics().total_heap_size;
  };
}

/** Both halves of the young generation, which V8 has let grow to 8 MB by the end of a usual start. */
function youngOctets(): number {
  const spaces = getHeapSpaceStatistics();
  return spaces.find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
