/**
 * Keeps the resident memory of the process small: what Node's code and the C library's heap hold
 * without need is given back (docs/decisions/0010-performance.md says what it is worth).
 *
 * ```
 *   start ──▶ all is given back once: most of it was needed by the start alone
 *   under load ──▶ looked at after collections; above the limits the clock's hand (file-pages.ts) goes on
 *   a second without load ──▶ all is given back
 *   a second with nearly nothing to do ──▶ what a load has left in the heap is collected
 * ```
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { everySecond } from '../log/every-second.ts';
import { FilePages } from './file-pages.ts';
import { createRest, keepHeapSmall } from './heap.ts';

/** How long after the start all is given back. */
const FIRST_RELEASE_MS = 100;
/** Between two looks under load. */
const LOOK_PAUSE_MS = 100;
/** Of a core: giving back may take that much; a kernel twenty times slower has more important things to do. */
const RELEASE_SHARE = 0.05;
/** Between two pieces, so that queries wait for one at most. */
const PIECE_PAUSE_MS = 1;

const MIB = 1024 * 1024;
/** A level above which something is done about it, and how far down that is to bring it. */
interface Limit {
  readonly above: number;
  readonly to: number;
}

/**
 * Resident memory above the least that the process has had beside files, 22 MiB with the stock Corefile and more with a larger
 * one. While there is less nothing is given back under load: each piece holds queries up.
 */
const GROWTH_OCTETS: Limit = { above: 28 * MIB, to: 26 * MIB };
/**
 * Files in use when there is more. Under a light load up to 15 MiB are in use: with a lower limit they would be
 * given back and fetched for ever.
 */
const FILES_OCTETS: Readonly<Record<'heavy' | 'light', Limit>> = {
  heavy: { above: 13 * MIB, to: 11 * MIB },
  light: { above: 20 * MIB, to: 15 * MIB },
};

/**
 * Of a core. Above the first the heap has grown so that files have to make room; below the last there is
 * hardly anybody who would have to wait.
 */
const HEAVY_SHARE = 0.2;
const BUSY_SHARE = 0.03;
const IDLE_SHARE = 0.01;

/**
 * For the beginning of the program. Returns what is to be called when it has started: until then
 * nothing is given back.
 */
export function keepMemorySmall(): () => void {
  const load = new LoadMeter();
  const share = () => load.share(performance.now());
  const keeper = new MemoryKeeper({ share, rest: createRest() });
  keepHeapSmall({ isHeavy: () => keeper.isHeavy, onCollected: () => keeper.look() });
  return () => {
    setTimeout(async () => {
      await keeper.begin(await FilePages.find());
      everySecond(() => keeper.lookEachSecond());
    }, FIRST_RELEASE_MS).unref();
  };
}

/** What can be taken away. */
export type Pages = Pick<FilePages, 'usage' | 'pieces' | 'releaseNext' | 'giveUpNext' | 'trim'>;

/** What the keeper of the memory works with. */
export interface MemoryModules {
  /** How much of a core the process took since the last call. */
  readonly share: () => number;
  /** Collects what a load has left in the heap. */
  readonly rest: () => void;
}

/** Decides when pages are given back, and how many. */
export class MemoryKeeper {
  readonly #modules: MemoryModules;
  /** Null until the start is over. */
  #pages: Pages | null = null;
  /** The least of memory beside files so far: who starts under load learns it later. */
  #leastOctets = Number.POSITIVE_INFINITY;
  #isReleasing = false;
  #nextLookAtMs = 0;
  /** Whether there was a load in the last second, a heavy one, and one since all was last given back. */
  #isBusy = false;
  #isHeavy = false;
  #wasBusy = false;

  constructor(modules: MemoryModules) {
    this.#modules = modules;
  }

  /** Whether there was a heavy load in the last second. */
  get isHeavy(): boolean {
    return this.#isHeavy;
  }

  /** Gives all back; from now on pages may be taken away. Never rejects. */
  async begin(pages: Pages): Promise<void> {
    this.#pages = pages;
    await this.#release(pages, 0);
  }

  /** Takes some pages away if there are too many. Cheap when it was looked just before. */
  look(): void {
    const nowMs = performance.now();
    if (this.#pages === null || this.#isReleasing || nowMs < this.#nextLookAtMs) return;
    this.#nextLookAtMs = nowMs + LOOK_PAUSE_MS;
    const files = this.#isHeavy ? FILES_OCTETS.heavy : FILES_OCTETS.light;
    const { grownOctets, fileOctets } = this.#measure(this.#pages);
    if (grownOctets <= GROWTH_OCTETS.above || fileOctets <= files.above) return;
    void this.#release(this.#pages, files.to);
  }

  /** What is to be done each second. */
  lookEachSecond(): void {
    const share = this.#modules.share();
    this.#isBusy = share > BUSY_SHARE;
    this.#isHeavy = share > HEAVY_SHARE;
    if (share < IDLE_SHARE) this.#modules.rest();
    if (this.#isBusy) this.#wasBusy = true;
    if (this.#pages === null || this.#isReleasing) return;
    if (this.#wasBusy && !this.#isBusy) {
      this.#wasBusy = false;
      void this.#release(this.#pages, 0);
      return;
    }
    // What V8's compiler had and gave up; a millisecond.
    const { grownOctets } = this.#measure(this.#pages);
    if (this.#isBusy && grownOctets > GROWTH_OCTETS.above) this.#pages.trim();
    this.look();
  }

  #measure(pages: Pages): { readonly grownOctets: number; readonly fileOctets: number } {
    const { residentOctets, fileOctets } = pages.usage();
    this.#leastOctets = Math.min(this.#leastOctets, residentOctets - fileOctets);
    return { grownOctets: residentOctets - this.#leastOctets, fileOctets };
  }

  /**
   * Takes pages away until there are few enough, once round at most. 0: takes all, and
   * for longer. What the C library holds goes as well. Never rejects.
   *
   * @param toOctets of files
   */
  async #release(pages: Pages, toOctets: number): Promise<void> {
    this.#isReleasing = true;
    let tookMs = 0;
    for (let i = 0; i < pages.pieces; i++) {
      const startMs = performance.now();
      if (toOctets === 0) pages.giveUpNext();
      else pages.releaseNext();
      const isEnough = toOctets !== 0 && this.#isSmall(pages, toOctets);
      tookMs += performance.now() - startMs;
      if (isEnough) break;
      await sleep(PIECE_PAUSE_MS, undefined, { ref: false });
    }
    const trimmedAtMs = performance.now();
    pages.trim();
    const nowMs = performance.now();
    tookMs += nowMs - trimmedAtMs;
    this.#nextLookAtMs = nowMs + Math.max(LOOK_PAUSE_MS, tookMs / RELEASE_SHARE);
    this.#isReleasing = false;
  }

  #isSmall(pages: Pages, toOctets: number): boolean {
    const { grownOctets, fileOctets } = this.#measure(pages);
    return fileOctets <= toOctets || grownOctets <= GROWTH_OCTETS.to;
  }
}

/** Tells the load by the processor time of the process. */
class LoadMeter {
  #usage = process.cpuUsage();
  #lookedAtMs = performance.now();

  /** How much of a core it took since the last call. */
  share(nowMs: number): number {
    const usage = process.cpuUsage();
    const usedMs = (usage.user + usage.system - this.#usage.user - this.#usage.system) / 1000;
    const share = usedMs / (nowMs - this.#lookedAtMs);
    this.#usage = usage;
    this.#lookedAtMs = nowMs;
    return share;
  }
}
