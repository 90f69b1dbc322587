import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryKeeper, type Pages } from '../../../src/daemon/memory.ts';

// Pieces are taken one after the other without a pause.
vi.mock(import('node:timers/promises'), async (original) => ({
  ...(await original()),
  setTimeout: async <T>(_ms?: number, value?: T) => value as T,
}));

const MIB = 1024 * 1024;
/** What the process has beside files when nothing is asked of it. */
const LEAST_MIB = 22;

/** Shares of a core. */
const HEAVY = 0.5;
const LIGHT = 0.1;
const CALM = 0.02;
const IDLE = 0.001;

/** A process with so much memory; each piece taken away is one MiB of files. */
class FakePages implements Pages {
  readonly pieces = 40;
  /** Beside the least, those of files included. */
  grownMib = 20;
  filesMib = 20;
  released = 0;
  givenUp = 0;
  trims = 0;

  usage() {
    return {
      residentOctets: (LEAST_MIB + this.grownMib) * MIB,
      fileOctets: this.filesMib * MIB,
    };
  }

  grow(besideFilesMib: number, filesMib: number): void {
    this.grownMib = besideFilesMib + filesMib;
    this.filesMib = filesMib;
  }

  releaseNext(): void {
    this.released++;
    this.#take();
  }

  giveUpNext(): void {
    this.givenUp++;
    this.#take();
  }

  trim(): void {
    this.trims++;
  }

  #take(): void {
    if (this.filesMib === 0) return;
    this.filesMib--;
    this.grownMib--;
  }
}

let pages: FakePages;
let share: number;
const rest = vi.fn();
let keeper: MemoryKeeper;

/** A keeper that knows the least, and has given all back once. */
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  rest.mockClear();
  pages = new FakePages();
  share = IDLE;
  keeper = new MemoryKeeper({ share: () => share, rest });
  await keeper.begin(pages);
  expect(pages.filesMib).toBe(0);
  await second(CALM);
  pages.givenUp = 0;
  pages.trims = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

/** A second with this load is over; resolves when what began then is done. */
async function second(load: number): Promise<void> {
  share = load;
  vi.advanceTimersByTime(1000);
  keeper.lookEachSecond();
  await nextTurn();
}

describe('under a heavy load', () => {
  test.each([
    ['28 MiB above the least, much of it files', 8, 20],
    ['far above it, but 13 MiB of files', 40, 13],
  ])('nothing is given back at %s', async (_what, besideFilesMib, filesMib) => {
    pages.grow(besideFilesMib, filesMib);
    await second(HEAVY);
    expect(pages.released).toBe(0);
    expect(pages.givenUp).toBe(0);
  });

  test('29 MiB above the least, pieces are given back until it is 26', async () => {
    pages.grow(9, 20);
    await second(HEAVY);
    expect(pages.released).toBe(3);
    expect(pages.grownMib).toBe(26);
    expect(pages.givenUp).toBe(0);
  });

  test('far above the least, pieces are given back until 11 MiB of files are left', async () => {
    pages.grow(60, 14);
    await second(HEAVY);
    expect(pages.released).toBe(3);
    expect(pages.filesMib).toBe(11);
  });

  test('what the C library holds is given back when there is too much', async () => {
    pages.grow(29, 0);
    await second(HEAVY);
    expect(pages.trims).toBe(1);
    expect(pages.released).toBe(0);
  });

  test('says that it is heavy', async () => {
    await second(HEAVY);
    expect(keeper.isHeavy).toBe(true);
    await second(LIGHT);
    expect(keeper.isHeavy).toBe(false);
  });
});

test('under a light load 20 MiB of files may stay, of more 15 MiB', async () => {
  pages.grow(40, 20);
  await second(LIGHT);
  expect(pages.released).toBe(0);
  pages.grow(40, 21);
  await second(LIGHT);
  expect(pages.filesMib).toBe(15);
});

test('looks that follow each other at once are one', async () => {
  pages.grow(9, 20);
  await second(HEAVY);
  expect(pages.released).toBe(3);
  pages.grow(9, 20);
  vi.advanceTimersByTime(99);
  keeper.look();
  await nextTurn();
  expect(pages.released).toBe(3);
  vi.advanceTimersByTime(1);
  keeper.look();
  await nextTurn();
  expect(pages.released).toBe(6);
});

test('giving back takes a twentieth of a core at most', async () => {
  const slow = new FakePages();
  slow.releaseNext = () => {
    vi.advanceTimersByTime(10);
    slow.released++;
    slow.grow(slow.grownMib - slow.filesMib, slow.filesMib - 1);
  };
  keeper = new MemoryKeeper({ share: () => share, rest });
  await keeper.begin(slow);
  await second(CALM);
  slow.grow(9, 20);
  await second(HEAVY);
  expect(slow.released).toBe(3);
  slow.grow(9, 20);
  vi.advanceTimersByTime(599);
  keeper.look();
  expect(slow.released).toBe(3);
  vi.advanceTimersByTime(1);
  keeper.look();
  expect(slow.released).toBe(4);
});

test('a process that is larger from its start on has the same room', async () => {
  const large = new FakePages();
  large.grow(100, 20);
  keeper = new MemoryKeeper({ share: () => share, rest });
  await keeper.begin(large);
  await second(CALM);
  large.grow(108, 20);
  await second(HEAVY);
  expect(large.released).toBe(0);
  large.grow(109, 20);
  await second(HEAVY);
  expect(large.released).toBe(3);
});

describe('when a load is over', () => {
  test('all is given back, once', async () => {
    pages.grow(5, 20);
    await second(LIGHT);
    expect(pages.givenUp).toBe(0);
    await second(CALM);
    expect(pages.givenUp).toBe(pages.pieces);
    expect(pages.filesMib).toBe(0);
    await second(CALM);
    expect(pages.givenUp).toBe(pages.pieces);
  });

  test('the heap is collected when there is hardly anything to do', async () => {
    await second(CALM);
    expect(rest).not.toHaveBeenCalled();
    await second(IDLE);
    expect(rest).toHaveBeenCalledTimes(1);
  });
});

test('before the start is over only the load is looked at', () => {
  const early = new MemoryKeeper({ share: () => HEAVY, rest });
  early.look();
  early.lookEachSecond();
  expect(early.isHeavy).toBe(true);
});
