/**
 * Keeps the resident memory of the process small: what Node's code and the C library's heap hold
 * without need is given back (docs/decisions/0010-performance.md says what it is worth).
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type Koffi from 'koffi';
import { createRest, keepHeapSmall } from './heap.ts';

/** How long after the start the first look comes: the code that it alone needed is most of what there is. */
const FIRST_LOOK_MS = 300;
const LOOK_PAUSE_MS = 1000;
/** What was given back is fetched again: on a slow machine that must not be all it does. */
const PAUSE_PER_RELEASE_MS = 100;
const LOOK_INTERVAL_MS = 10_000;
/**
 * Files in use, most of it Node's code: 15 MiB at rest, where less would be to give back and fetch for
 * ever. Under load that costs little beside the load.
 */
const TOLERATED_PAGES = { underLoad: (14 * 1024) / 4, atRest: (20 * 1024) / 4 };

/** Of a core: above it there is a load. */
const BUSY_SHARE = 0.03;

const NEVER = Number.POSITIVE_INFINITY;

/** Given back at once: a few hundred microseconds. */
const PIECE_OCTETS = 2 * 1024 * 1024;

/** madvise(2): these pages are the first to be reclaimed; these are not needed here at the moment. */
const MADV_COLD = 20;
const MADV_DONTNEED = 4;

/**
 * For the beginning of the program. Returns what is to be called when it has started: until then
 * nothing is given back. Does nothing more than look where the C library cannot be called.
 */
export function keepMemorySmall(): () => void {
  const release = new Release();
  const load = new LoadMeter();
  let nextLookAtMs = NEVER;
  let isLookComing = false;
  const lookLater = (pauseMs: number) => {
    if (isLookComing || nextLookAtMs === NEVER) return;
    isLookComing = true;
    const dueMs = Math.max(pauseMs, Math.ceil(nextLookAtMs - performance.now()));
    setTimeout(() => {
      isLookComing = false;
      look();
    }, dueMs).unref();
  };
  const look = () => {
    const nowMs = performance.now();
    if (nowMs < nextLookAtMs || release.isUnderWay) return;
    nextLookAtMs = nowMs + LOOK_PAUSE_MS;
    const isBusy = load.isBusy(nowMs);
    const toleratedPages = isBusy ? TOLERATED_PAGES.underLoad : TOLERATED_PAGES.atRest;
    if (!release.isFirst && residentFilePages() <= toleratedPages) return;
    release.start((tookMs) => {
      const pauseMs = Math.max(LOOK_PAUSE_MS, tookMs * PAUSE_PER_RELEASE_MS);
      nextLookAtMs = performance.now() + pauseMs;
      if (isBusy) lookLater(pauseMs);
    });
  };
  const rest = createRest();
  let isAtRest = false;
  // Under load there are collections, and one more look after the last of them.
  keepHeapSmall(() => {
    isAtRest = false;
    lookLater(LOOK_PAUSE_MS);
  });
  setInterval(() => {
    if (isAtRest) rest();
    isAtRest = true;
    look();
  }, LOOK_INTERVAL_MS).unref();
  return () => {
    nextLookAtMs = 0;
    lookLater(FIRST_LOOK_MS);
  };
}

/** Tells by the processor time of the process whether it is under load. */
class LoadMeter {
  #usage = process.cpuUsage();
  #lookedAtMs = performance.now();

  /** Whether it was since the last call, at `nowMs`. */
  isBusy(nowMs: number): boolean {
    const usage = process.cpuUsage();
    const usedMs = (usage.user + usage.system - this.#usage.user - this.#usage.system) / 1000;
    const share = usedMs / (nowMs - this.#lookedAtMs);
    this.#usage = usage;
    this.#lookedAtMs = nowMs;
    return share > BUSY_SHARE;
  }
}

/** Gives memory back in small steps, between which queries are answered. */
class Release {
  isFirst = true;
  isUnderWay = false;
  /** Null until they are known. BOUNDED by the size of Node's binary. */
  #steps: readonly (() => void)[] | null = null;

  /** Calls `done` at the end with the milliseconds of processor time that it took. */
  start(done: (tookMs: number) => void): void {
    this.isUnderWay = true;
    this.isFirst = false;
    this.#run(done).finally(() => {
      this.isUnderWay = false;
    });
  }

  async #run(done: (tookMs: number) => void): Promise<void> {
    this.#steps ??= await findSteps();
    let tookMs = 0;
    for (const step of this.#steps) {
      const startMs = performance.now();
      step();
      tookMs += performance.now() - startMs;
      await nextTurn();
    }
    done(tookMs);
  }
}

/** What gives memory back, piece by piece; nothing without koffi or /proc. */
async function findSteps(): Promise<readonly (() => void)[]> {
  try {
    const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
    const libc = koffi.load(null);
    // Addresses are below 2⁴⁷, so exact as numbers.
    const madvise = libc.func('int madvise(uintptr_t start, size_t length, int advice)');
    const mappings = unwrittenFileMappings(await readFile('/proc/self/smaps', 'latin1'));
    const pieces = mappings.flatMap(inPieces);
    return [
      ...pieces.map(({ start, length }) => () => {
        madvise(start, length, MADV_COLD);
        madvise(start, length, MADV_DONTNEED);
      }),
      trimOf(libc),
    ];
  } catch {
    return [];
  }
}

function inPieces({ start, length }: Mapping): Mapping[] {
  const count = Math.ceil(length / PIECE_OCTETS);
  return Array.from({ length: count }, (_, i) => ({
    start: start + i * PIECE_OCTETS,
    length: Math.min(PIECE_OCTETS, length - i * PIECE_OCTETS),
  }));
}

/** Gives the free pages of the C library's heap back; musl needs no call for that and has none. */
function trimOf(libc: ReturnType<typeof Koffi.load>): () => void {
  try {
    const trim = libc.func('int malloc_trim(size_t pad)');
    return () => trim(0);
  } catch {
    return () => {};
  }
}

/** Pages of files in our memory: the third number of /proc/self/statm (proc_pid_statm(5)). */
function residentFilePages(): number {
  try {
    return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[2]);
  } catch {
    return 0;
  }
}

/** A range of addresses. */
export interface Mapping {
  readonly start: number;
  readonly length: number;
}

/**
 * The mappings in the text of /proc/PID/smaps that show nothing but a file: Node's code and
 * constants. Their pages can be taken away at any time; whoever needs one gets it again from the
 * page cache. A mapping with a single page of its own (relocated, or written before it was made
 * read-only) is left alone: that page could not be had again.
 */
export function unwrittenFileMappings(smaps: string): Mapping[] {
  const found: Mapping[] = [];
  for (const entry of smaps.split(/\n(?=[\da-f]+-[\da-f]+ )/)) {
    const head = /^([\da-f]+)-([\da-f]+) r-[-x]p [\da-f]+ \S+ (\d+)/.exec(entry);
    if (head === null || head[3] === '0' || !/^Anonymous: +0 kB$/m.test(entry)) continue;
    const start = Number.parseInt(head[1], 16);
    found.push({ start, length: Number.parseInt(head[2], 16) - start });
  }
  return found;
}
