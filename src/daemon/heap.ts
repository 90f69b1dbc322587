/**
 * V8's heap, kept small without collecting it all the time (docs/decisions/0010-performance.md says
 * what each line is worth). Nobody can be asked to start us with flags, so they are set while
 * running: only those are here that V8 looks at again and again.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Both halves of the young generation together, from which on it is not let grow: large enough that most misses are answered before a collection finds them,
 * small enough to stay in the processor's caches. Under a heavy load collections come so often that twice as much is worth its memory.
 */
const YOUNG_OCTETS = 4 * 1024 * 1024;
const HEAVY_YOUNG_OCTETS = 8 * 1024 * 1024;
/** How far the old generation grows between two collections, in percent of what is in use; V8 takes 8 MB at least. */
const OLD_GROWTH_PERCENT = 50;
/**
 * Where collections of all are further apart than this there is time for more of them: they begin after
 * so many percent of that growth.
 */
const CALM_MS = 3000;
const CALM_TRIGGER_PERCENT = 35;
/**
 * Eight seconds after a collection V8 collects and compacts again, twice, where little is allocated since: which is always so where
 * answers come from the cache. Each time nobody is answered for 5 to 14 ms. It is worth that, once, where a load has left
 * more than this.
 */
const LARGE_OCTETS = 28 * 1024 * 1024;

/** What the heap's keeper asks and tells. */
export interface HeapModules {
  /** Whether the process has a lot to do. */
  readonly isHeavy: () => boolean;
  /** Called soon after each collection. */
  readonly onCollected: () => void;
}

/** For the start of the program. */
export function keepHeapSmall({ isHeavy, onCollected }: HeapModules): void {
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
  const calm = createCalm();
  reduceWhereLarge();
  // There is no flag for its size that V8 heeds later. It doubles while we let it, and goes back to
  // its least when the process rests.
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some(isMajor)) {
      calm();
      reduceWhereLarge();
    }
    setGrowth(youngOctets() < (isHeavy() ? HEAVY_YOUNG_OCTETS : YOUNG_OCTETS) ? 2 : 1);
    onCollected();
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** V8 looks at the flag when the eight seconds are over. */
function reduceWhereLarge(): void {
  const isLarge = getHeapStatistics().total_heap_size > LARGE_OCTETS;
  setFlagsFromString(`--memory-reducer-gc-count=${isLarge ? 1 : 0}`);
}

/** What to call after each collection of all. */
function createCalm(): () => void {
  let collectedAtMs = performance.now();
  return () => {
    const nowMs = performance.now();
    const trigger = nowMs - collectedAtMs > CALM_MS ? CALM_TRIGGER_PERCENT : 0;
    collectedAtMs = nowMs;
    setFlagsFromString(`--incremental-marking-hard-trigger=${trigger}`);
  };
}

/** Node says of each collection which it was, which @types/node does not know. */
function isMajor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind: number } };
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

/** A heap that has grown by less since it last was at rest is left alone. */
const WORTH_COLLECTING_OCTETS = 6 * 1024 * 1024;

/**
 * What to call while nothing happens: collects what a load has left behind, once, and gives it back at
 * once. That holds everybody up for as long as 50 ms. V8 does the same in small steps, eight seconds and more later.
 */
export function createRest(): () => void {
  let restedOctets = 0;
  let collect: (() => void) | null = null;
  return () => {
    const octets = getHeapStatistics().total_heap_size;
    if (octets < restedOctets + WORTH_COLLECTING_OCTETS) return;
    // The flag gives a function to contexts that are made later; this one has what it had.
    setFlagsFromString('--expose-gc');
    collect ??= runInNewContext('() => gc({ type: "major", flavor: "last-resort" })');
    collect?.();
    restedOctets = getHeapStatistics().total_heap_size;
  };
}

/** Both halves of the young generation, which V8 has let grow to 8 MB by the end of a usual start. */
function youngOctets(): number {
  const spaces = getHeapSpaceStatistics();
  return spaces.find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
