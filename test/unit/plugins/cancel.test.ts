import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cancel } from '../../../src/plugins/cancel.ts';
import { type Done, failed, type Outcome } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A query on its way, and how to answer it. */
function send(text: string) {
  const outcomes: Outcome[] = [];
  let answer: Done = () => {};
  const next = {
    resolve: (_query: unknown, done: Done) => {
      answer = done;
    },
  };
  const stage = cancel.stage?.(parseWith(cancel, text), makeContext().context, next);
  stage?.resolve(makeQuery('www.test'), (outcome) => outcomes.push(outcome));
  return { outcomes, answer: (outcome: Outcome) => answer(outcome) };
}

test('a query without an answer in time has failed, and what comes later is not heard', () => {
  const { outcomes, answer } = send('cancel 1s');
  vi.advanceTimersByTime(999);
  expect(outcomes).toEqual([]);
  vi.advanceTimersByTime(1);
  answer(failed(0, ''));
  expect(outcomes).toEqual([failed(2, 'no answer within 1s')]);
});

test('an answer in time passes, and nothing comes after it', () => {
  const { outcomes, answer } = send('cancel');
  vi.advanceTimersByTime(5000);
  answer(failed(3, ''));
  vi.advanceTimersByTime(10_000);
  expect(outcomes).toEqual([failed(3, '')]);
  expect(vi.getTimerCount()).toBe(0);
});

test('an answer that lies ready costs no timer', () => {
  const next = { resolve: (_query: unknown, done: Done) => done(failed(3, '')) };
  const stage = cancel.stage?.({ timeoutMs: 1 }, makeContext().context, next);
  stage?.resolve(makeQuery('www.test'), () => {});
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ['cancel', null],
  ['cancel 500ms', null],
  ['cancel 5', 'argument-value'],
  ['cancel -1s', 'argument-value'],
  ['cancel 0s', 'argument-value'],
  ['cancel 1s 2s', 'argument-count'],
  ['cancel {\n x\n}', 'unknown-option'],
])('%s: %s', (text, code) => {
  expect(codeOf(cancel, text)).toBe(code);
});

test('the default is a little more than the patience of clients', () => {
  expect(parseWith(cancel, 'cancel')).toEqual({ timeoutMs: 5001 });
});
