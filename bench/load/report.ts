/** Tables of what was measured, in Markdown. */
import type { Row, Scenario } from './scenarios.ts';

/** One server in one scenario; null when it could not take part. */
export interface Measured {
  readonly server: string;
  readonly row: Row | null;
  /** Why there is no row. */
  readonly note: string;
}

/** Columns that are given as a ratio to ours too. */
const COMPARED = /µs|MiB|ms$|core %/;

/** How a column ends that is a ratio already. */
const RATIO = ' = 1';

/** The table of one scenario; the first server is ours, and what the others are compared with where no column does that. */
export function scenarioTable(
  scenario: Pick<Scenario, 'title'>,
  measured: readonly Measured[],
): string {
  const columns = Object.keys(measured.find(({ row }) => row !== null)?.row ?? {});
  const hasRatio = columns.some((column) => column.endsWith(RATIO));
  const compared = columns.find((column) => COMPARED.test(column)) ?? '';
  const ours = measured[0].row?.[compared];
  const ratioOf = (row: Row) => (ours === undefined ? '' : (row[compared] / ours).toFixed(2));
  const header = ['server', ...columns, ...(hasRatio ? [] : [`${compared}, ours${RATIO}`])];
  const lines = measured.map(({ server, row, note }) => {
    if (row === null) return [server, note, ...header.slice(2).map(() => '')];
    const cells = columns.map((column) => formatNumber(row[column]));
    return [server, ...cells, ...(hasRatio ? [] : [ratioOf(row)])];
  });
  const rule = header.map((_, index) => (index === 0 ? '---' : '--:'));
  const text = [header, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `## ${scenario.title}\n\n${text}\n`;
}

function formatNumber(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  if (value === 0) return '0';
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
