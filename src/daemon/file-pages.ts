/**
 * Pages of Node's binary in our memory, code and constants: a page that was not written can be taken
 * away at any time, and whoever needs it gets it again from the page cache.
 */
import { openSync, readSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/** Given back at once: some hundred microseconds where all of it was in use. */
const PIECE_OCTETS = 1024 * 1024;
/** proc_pid_statm(5) counts in these. */
const PAGE_OCTETS = 4096;

/** madvise(2): these pages are the first to be reclaimed; these are not needed here at the moment. */
const MADV_COLD = 20;
const MADV_DONTNEED = 4;

/** A range of addresses. */
export interface Mapping {
  readonly start: number;
  readonly length: number;
}

/** What gives memory back. */
interface Calls {
  readonly madvise: (start: number, length: number, advice: number) => number;
  /** Gives the free pages of the C library's heap back. */
  readonly trim: () => void;
}

/** What of the process is in memory, in octets. */
export interface MemoryUsage {
  readonly residentOctets: number;
  /** Pages of files among it. */
  readonly fileOctets: number;
}

/** Takes pages away piece by piece, round and round like the hand of a clock. */
export class FilePages {
  readonly #calls: Calls;
  /** BOUNDED by the size of Node's binary. */
  readonly #pieces: readonly Mapping[];
  readonly #usage: () => MemoryUsage;
  #hand = 0;

  private constructor(calls: Calls, pieces: readonly Mapping[], usage: () => MemoryUsage) {
    this.#calls = calls;
    this.#pieces = pieces;
    this.#usage = usage;
  }

  /** Resolves to one without pieces where the C library cannot be called, or there is no /proc. */
  static async find(): Promise<FilePages> {
    try {
      const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
      const libc = koffi.load(null);
      // Addresses are below 2⁴⁷, so exact as numbers.
      const madvise = libc.func('int madvise(uintptr_t start, size_t length, int advice)');
      const binary = await readlink('/proc/self/exe', 'latin1');
      const mappings = unwrittenMappings(await readFile('/proc/self/smaps', 'latin1'), binary);
      const pieces = mappings.flatMap(inPieces);
      return new FilePages({ madvise, trim: trimOf(libc) }, pieces, openUsage());
    } catch {
      const usage = { residentOctets: 0, fileOctets: 0 };
      return new FilePages({ madvise: () => 0, trim: () => {} }, [], () => usage);
    }
  }

  /** What is in memory now: one system call. */
  usage(): MemoryUsage {
    return this.#usage();
  }

  /** How many pieces there are. */
  get pieces(): number {
    return this.#pieces.length;
  }

  /** Takes away the next piece. The kernel keeps it in its cache, where it counts as needed. */
  releaseNext(): void {
    const piece = this.#next();
    if (piece !== undefined) this.#calls.madvise(piece.start, piece.length, MADV_DONTNEED);
  }

  /** The same, and the kernel may take it out of its cache before anything else. */
  giveUpNext(): void {
    const piece = this.#next();
    if (piece === undefined) return;
    this.#calls.madvise(piece.start, piece.length, MADV_COLD);
    this.#calls.madvise(piece.start, piece.length, MADV_DONTNEED);
  }

  /** Gives back what the C library's heap holds and nobody uses. */
  trim(): void {
    this.#calls.trim();
  }

  #next(): Mapping | undefined {
    const piece = this.#pieces[this.#hand];
    this.#hand = (this.#hand + 1) % Math.max(1, this.#pieces.length);
    return piece;
  }
}

/** The file in /proc stays open, so each look is one system call. Throws without /proc. */
function openUsage(): () => MemoryUsage {
  const descriptor = openSync('/proc/self/statm', 'r');
  // `readFileSync` would take 64 KiB for each look, to be collected.
  const text = Buffer.alloc(128);
  return () => {
    const length = readSync(descriptor, text, 0, text.length, 0);
    // proc_pid_statm(5): the second number, and the third.
    const [, resident, files] = text.toString('latin1', 0, length).split(' ', 3);
    return {
      residentOctets: Number(resident) * PAGE_OCTETS,
      fileOctets: Number(files) * PAGE_OCTETS,
    };
  };
}

/**
 * The mappings in the text of /proc/PID/smaps that show nothing but the file at `path`. A mapping with
 * a single page of its own (relocated, or written before it was made read-only) is left alone: that
 * page could not be had again. Other files are left alone, too: whoever mapped them may unmap them, and then there may be
 * something else at that address the next time.
 */
export function unwrittenMappings(smaps: string, path: string): Mapping[] {
  const found: Mapping[] = [];
  for (const entry of smaps.split(/\n(?=[\da-f]+-[\da-f]+ )/)) {
    const head = /^([\da-f]+)-([\da-f]+) r-[-x]p [\da-f]+ \S+ \d+ +(.*)/.exec(entry);
    if (head === null || head[3] !== path || !/^Anonymous: +0 kB$/m.test(entry)) continue;
    const start = Number.parseInt(head[1], 16);
    found.push({ start, length: Number.parseInt(head[2], 16) - start });
  }
  return found;
}

function inPieces({ start, length }: Mapping): Mapping[] {
  const count = Math.ceil(length / PIECE_OCTETS);
  return Array.from({ length: count }, (_, i) => ({
    start: start + i * PIECE_OCTETS,
    length: Math.min(PIECE_OCTETS, length - i * PIECE_OCTETS),
  }));
}

/** musl gives free pages back by itself and has no such function. */
function trimOf(libc: ReturnType<typeof Koffi.load>): () => void {
  try {
    const trim = libc.func('int malloc_trim(size_t pad)');
    return () => trim(0);
  } catch {
    return () => {};
  }
}
