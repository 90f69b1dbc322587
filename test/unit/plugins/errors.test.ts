import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ErrorsOptions, errors } from '../../../src/plugins/errors.ts';
import { failed, type Outcome, type Stage } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['errors', []],
  ['errors stdout', []],
  ['errors {\n stacktrace\n}', []],
  ['errors {\n consolidate 1m ^a\n}', [{ periodMs: 60_000, level: 'error', showFirst: false }]],
  ['errors {\n consolidate 1m ^a warning\n}', [{ level: 'warning', showFirst: false }]],
  ['errors {\n consolidate 1m ^a show_first\n}', [{ level: 'error', showFirst: true }]],
  ['errors {\n consolidate 1m ^a info show_first\n}', [{ level: 'info', showFirst: true }]],
  [
    'errors {\n consolidate 1m ^a\n consolidate 5s b debug\n}',
    [{ source: '^a' }, { source: 'b', periodMs: 5000, level: 'debug' }],
  ],
])('%s', (text, consolidations) => {
  const options: ErrorsOptions = parseWith(errors, text);
  expect(options.consolidations).toMatchObject(consolidations);
  expect(options.consolidations).toHaveLength(consolidations.length);
});

test.each([
  ['errors stderr', 'argument-value'],
  ['errors stdout stdout', 'argument-count'],
  ['errors {\n shout\n}', 'unknown-option'],
  ['errors {\n stacktrace on\n}', 'argument-count'],
  ['errors {\n consolidate\n}', 'argument-count'],
  ['errors {\n consolidate 1m\n}', 'argument-count'],
  ['errors {\n consolidate 1m show_first\n}', null],
  ['errors {\n consolidate 1m a error b\n}', 'argument-count'],
  ['errors {\n consolidate 1m a error b show_first\n}', 'argument-count'],
  ['errors {\n consolidate soon a\n}', 'argument-value'],
  ['errors {\n consolidate -1m a\n}', 'argument-value'],
  ['errors {\n consolidate 1m (\n}', 'argument-value'],
  ['errors {\n consolidate 1m a fatal\n}', 'argument-value'],
])('%s: %s', (text, code) => {
  expect(codeOf(errors, text)).toBe(code);
});

/** A block with `errors`, and a way to let queries fail in it. */
async function start(text: string) {
  const { context, generation, lines } = makeContext();
  let outcome: Outcome = failed(2, '');
  const next: Stage = { resolve: (_query, done) => done(outcome) };
  const stage = errors.stage?.(parseWith(errors, text), context, next);
  await generation.start();
  const fail = (error: string, name = 'Example.org', rcode = 2): Outcome | undefined => {
    outcome = failed(rcode, error);
    let given: Outcome | undefined;
    stage?.resolve(makeQuery(name), (result) => {
      given = result;
    });
    return given;
  };
  return { fail, lines, generation };
}

test('a line has code, name, type and error', async () => {
  const { fail, lines } = await start('errors');
  expect(fail('read udp: i/o timeout')).toEqual(failed(2, 'read udp: i/o timeout'));
  expect(lines).toEqual(['[ERROR] plugin/errors: 2 example.org. A: read udp: i/o timeout']);
});

test('without an error there is no line', async () => {
  const { fail, lines } = await start('errors');
  expect(fail('')).toEqual(failed(2, ''));
  expect(lines).toEqual([]);
});

test('errors that match are counted, the others logged', async () => {
  const { fail, lines } = await start('errors {\n consolidate 30s timeout$ warning\n}');
  fail('i/o timeout');
  fail('other');
  vi.advanceTimersByTime(29_999);
  fail('i/o timeout');
  expect(lines).toEqual(['[ERROR] plugin/errors: 2 example.org. A: other']);
  vi.advanceTimersByTime(1);
  expect(lines.at(-1)).toBe(
    "[WARNING] plugin/errors: 2 errors like 'timeout$' occurred in last 30s",
  );
  vi.advanceTimersByTime(120_000);
  expect(lines).toHaveLength(2);
});

test('a new period begins with the next error', async () => {
  const { fail, lines } = await start('errors {\n consolidate 1m a\n}');
  fail('a');
  vi.advanceTimersByTime(60_000);
  fail('a');
  vi.advanceTimersByTime(60_000);
  const line = "[ERROR] plugin/errors: 1 errors like 'a' occurred in last 1m0s";
  expect(lines).toEqual([line, line]);
});

test('the first pattern that matches counts', async () => {
  const { fail, lines } = await start('errors {\n consolidate 1m a\n consolidate 2m ab\n}');
  fail('ab');
  vi.advanceTimersByTime(200_000);
  expect(lines).toEqual(["[ERROR] plugin/errors: 1 errors like 'a' occurred in last 1m0s"]);
});

test('show_first logs the first in full, and the sum when there were more', async () => {
  const { fail, lines } = await start('errors {\n consolidate 1m a info show_first\n}');
  fail('a');
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual(['[INFO] plugin/errors: 2 example.org. A: a']);
  fail('a');
  fail('a');
  vi.advanceTimersByTime(60_000);
  expect(lines.slice(2)).toEqual(["[INFO] plugin/errors: 2 errors like 'a' occurred in last 1m0s"]);
});

test('what was counted is said at the end', async () => {
  const { fail, lines, generation } = await start('errors {\n consolidate 1m a\n}');
  fail('a');
  await generation.stop();
  expect(lines).toEqual(["[ERROR] plugin/errors: 1 errors like 'a' occurred in last 1m0s"]);
  vi.advanceTimersByTime(120_000);
  expect(lines).toHaveLength(1);
});
