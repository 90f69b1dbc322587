/**
 * V8's heap, kept small without collecting it all the time (docs/decisions/0010-performance.md says
 * what each line is worth). Nobody can be asked to start us with flags, so they are set while
 * running: only those are here that V8 looks at again and again.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * The young generation: large enough that most misses are answered before a collection finds them,
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

/** Both halves of the young generation. */
function youngOctets(): number {
  const spaces = getHeapSpaceStatistics();
  return spaces.find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
