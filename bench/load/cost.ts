/** What answers cost a server. */
import type { LoadResult } from './dnsperf.ts';
import type { Program } from './process.ts';
import type { Row } from './scenarios.ts';

export const CPU_COLUMN = 'CPU µs/answer';

/** Loads the server with `work`, and reads what that took. */
export async function measureCost(program: Program, work: () => Promise<LoadResult>): Promise<Row> {
  const before = program.cpuUs();
  const result = await work();
  return {
    [CPU_COLUMN]: (program.cpuUs() - before) / result.answered,
    'answers/s': result.perSecond,
    'lost %': lostPercent(result),
    'VmRSS MiB': program.memoryMib(),
  };
}

export function lostPercent({ sent, lost }: LoadResult): number {
  return sent === 0 ? Number.NaN : (100 * lost) / sent;
}
