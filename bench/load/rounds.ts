/** Several rounds over the same servers, one after the other: a machine that is slow for a minute is slow for all. */
import type { Measured } from './report.ts';
import type { Row } from './scenarios.ts';

/**
 * Measures all servers `rounds` times in turns. Gives for each the median of each column, over the rounds
 * that did not fail.
 */
export async function inTurns<T>(
  servers: readonly T[],
  rounds: number,
  measure: (server: T) => Promise<Measured>,
): Promise<Measured[]> {
  const measured = servers.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) measured[i].push(await measure(server));
  }
  return measured.map(middle);
}

function middle(all: readonly Measured[]): Measured {
  const rows = all.map(({ row }) => row).filter((row) => row !== null);
  if (rows.length === 0) return all[0];
  return { server: all[0].server, row: medians(rows), note: '' };
}

function medians(rows: readonly Row[]): Row {
  return Object.fromEntries(
    Object.keys(rows[0]).map((column) => [column, median(rows.map((row) => row[column]))]),
  );
}

function median(values: readonly number[]): number {
  const ascending = [...values].sort((a, b) => a - b);
  const at = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[at] : (ascending[at - 1] + ascending[at]) / 2;
}
