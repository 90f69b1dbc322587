/**
 * What stub domains add to the cost of a cached answer. It is less than what one run differs from the next, so two daemons of ours
 * run at once, with and without them, and are asked in turns; compared is what is asked one after the other.
 */
import { CPU_COLUMN, measureCost } from './cost.ts';
import { load } from './dnsperf.ts';
import type { QueryFiles } from './queries.ts';
import type { Measured } from './report.ts';
import { inTurns } from './rounds.ts';
import type { Running } from './running.ts';
import type { Row } from './scenarios.ts';
import { STUB_BLOCKS } from './stub-zones.ts';

/** Single turns differ by as much as a third here; the median of the ratios of 30 by 3 %. */
const TURNS = 30;
const TURN_SECONDS = 1;
/** Who was not asked for a second has given memory back, and needs it again. */
const WARM_UP_SECONDS = 0.5;
/** Until V8 has compiled what answers. */
const FIRST_WARM_UP_SECONDS = 3;

/** One of the servers and what it is asked. */
interface Asked {
  readonly label: string;
  readonly running: Running;
  readonly queries: string;
}

/**
 * @param start starts our daemon with so many blocks of stub domains
 * @returns the medians of the turns
 */
export async function compareStubDomains(
  start: (stubBlocks: number) => Promise<Running>,
  queries: QueryFiles,
): Promise<Measured[]> {
  const stock = await start(0);
  try {
    const stubs = await start(STUB_BLOCKS);
    try {
      return await compare([
        { label: 'stock', running: stock, queries: queries.hits },
        { label: 'with stub domains', running: stubs, queries: queries.hits },
        { label: 'with stub domains, a name in each', running: stubs, queries: queries.stubs },
      ]);
    } finally {
      await stubs.program.stop();
    }
  } finally {
    await stock.program.stop();
  }
}

async function compare(all: readonly Asked[]): Promise<Measured[]> {
  for (const { running, queries } of all) {
    await load({ port: running.port, queries, seconds: FIRST_WARM_UP_SECONDS });
  }
  let stockUs = Number.NaN;
  return inTurns(all, TURNS, async (asked) => {
    const row = await turn(asked);
    if (asked === all[0]) stockUs = row[CPU_COLUMN];
    const ratio = { 'CPU, stock in the same turn = 1': row[CPU_COLUMN] / stockUs };
    return { server: asked.label, row: { ...row, ...ratio }, note: '' };
  });
}

async function turn({ running: { program, port }, queries }: Asked): Promise<Row> {
  await load({ port, queries, seconds: WARM_UP_SECONDS });
  return measureCost(program, () => load({ port, queries, seconds: TURN_SECONDS }));
}
