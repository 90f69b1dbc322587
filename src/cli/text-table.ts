/** Rows of words as aligned columns. */

/** One line per row, two spaces between columns, none at the end. */
export function textTable(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  '))
    .map((line) => `${indent}${line.trimEnd()}\n`)
    .join('');
}

/** `1.234`, `12.3`, `123`: three digits are enough for people. */
export function shortNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** `850 µs`, `1.2 ms`, `3 s`. */
export function durationText(ms: number): string {
  if (ms >= 1000) return `${shortNumber(ms / 1000)} s`;
  return ms >= 1 ? `${shortNumber(ms)} ms` : `${shortNumber(ms * 1000)} µs`;
}

/** `42 s`, `5 min`, `3 h`, `2 days`. */
export function ageText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}
