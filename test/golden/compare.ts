/** Compares what a step gave with what was recorded. */

/** One place where they differ. */
export interface Mismatch {
  /** Such as `step 2 got.answer[0]`. */
  readonly at: string;
  readonly want: unknown;
  readonly got: unknown;
}

/** Sections in which records may come in any order. */
const UNORDERED = new Set(['answer', 'additional']);
const RECORD = /\b(answer|authority|additional)\[\d+\]$/;

/** All differences. `any` in the recording stands for anything, and what it leaves out is free. */
export function findMismatches(want: unknown, got: unknown, at: string): Mismatch[] {
  if (want === 'any' || want === got) return [];
  if (Array.isArray(want)) return compareLists(want, got, at, false);
  if (typeof want !== 'object' || want === null) {
    return RECORD.test(at) && isNear(want, got) ? [] : [{ at, want, got }];
  }
  if (typeof got !== 'object' || got === null) return [{ at, want, got }];
  return Object.entries(want).flatMap(([key, value]) => {
    const there = (got as Record<string, unknown>)[key];
    return Array.isArray(value)
      ? compareLists(value, there, `${at}.${key}`, UNORDERED.has(key))
      : findMismatches(value, there, `${at}.${key}`);
  });
}

function compareLists(
  want: readonly unknown[],
  got: unknown,
  at: string,
  unordered: boolean,
): Mismatch[] {
  if (!Array.isArray(got) || got.length !== want.length) return [{ at, want, got }];
  const [left, right] = unordered ? [sortRecords(want), sortRecords(got)] : [want, got];
  return left.flatMap((value, index) => findMismatches(value, right[index], `${at}[${index}]`));
}

/** By everything but the TTL, which may differ a little. */
function sortRecords(records: readonly unknown[]): unknown[] {
  const keyOf = (record: unknown) => `${record}`.toLowerCase().split(' ').toSpliced(1, 1).join(' ');
  return records.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
}

/** Records are equal when their TTLs are a second apart: a clock may tick between two steps. */
function isNear(want: unknown, got: unknown): boolean {
  if (typeof want !== 'string' || typeof got !== 'string') return false;
  const [left, right] = [want, got].map((record) => record.toLowerCase().split(' '));
  return (
    left.length === right.length &&
    left.every((word, index) =>
      index === 1 ? Math.abs(Number(word) - Number(right[1])) <= 1 : word === right[index],
    )
  );
}
