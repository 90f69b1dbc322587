/** What is said of others in docs/comparison.md rests on something, which is named there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const TEXT = readFileSync(new URL('../../../docs/comparison.md', import.meta.url), 'utf8');
const rows = TEXT.split('\n').filter((line) => line.startsWith('|'));
const cellsOf = (row: string) => row.split('|').slice(1, -1);

test('every row has a cell for each program, and none is empty', () => {
  const [head] = rows;
  for (const row of rows) {
    expect(cellsOf(row), row).toHaveLength(cellsOf(head).length);
    if (row !== head) for (const cell of cellsOf(row)) expect(cell.trim(), row).not.toBe('');
  }
});

test('every column says where it comes from', () => {
  const [, section] = TEXT.split('## Where this comes from');
  const sources = [...section.matchAll(/^- \*\*(.+?)\*\*: /gm)].map(([, name]) => name);
  const columns = cellsOf(rows[0]).slice(1);
  expect(sources.toSorted()).toEqual(columns.map((name) => name.trim()).toSorted());
});
