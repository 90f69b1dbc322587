import { expect, test } from 'vitest';
import { findMismatches } from './compare.ts';

const recorded = {
  rcode: 'NOERROR',
  answer: ['a.example 30 IN A 10.0.0.1', 'a.example 30 IN A 10.0.0.2'],
  authority: ['example 30 IN NS one.example', 'example 30 IN NS two.example'],
};

test('the same is the same', () => {
  expect(findMismatches(recorded, structuredClone(recorded), 'step 0 got')).toEqual([]);
});

test('answers may come in another order, authorities may not', () => {
  const answer = recorded.answer.toReversed();
  expect(findMismatches(recorded, { ...recorded, answer }, 'got')).toEqual([]);
  const authority = recorded.authority.toReversed();
  expect(findMismatches(recorded, { ...recorded, authority }, 'got')).toHaveLength(2);
});

test.each([
  ['a second', '29', 0],
  ['two seconds', '28', 1],
])('TTLs that are %s apart', (_, ttl, count) => {
  const answer = [recorded.answer[0], `a.example ${ttl} IN A 10.0.0.2`];
  expect(findMismatches(recorded, { ...recorded, answer }, 'got')).toHaveLength(count);
});

test('data that differs is found, whatever its case', () => {
  const answer = [recorded.answer[0], 'A.example 30 IN A 10.0.0.9'];
  expect(findMismatches(recorded, { ...recorded, answer }, 'got')).toHaveLength(1);
});

test.each([
  ['a missing record', { ...recorded, answer: [] }, 'got.answer'],
  ['another rcode', { ...recorded, rcode: 'SERVFAIL' }, 'got.rcode'],
  ['no reply', 'timeout', 'got'],
  ['a reply where none was wanted', undefined, 'got'],
])('finds %s', (_, got, at) => {
  expect(findMismatches(recorded, got, 'got').map((mismatch) => mismatch.at)).toEqual([at]);
});

test('a list of replies is compared one by one', () => {
  const other = { ...recorded, rcode: 'SERVFAIL' };
  expect(findMismatches([recorded, recorded], [recorded, other], 'got')).toEqual([
    { at: 'got[1].rcode', want: 'NOERROR', got: 'SERVFAIL' },
  ]);
});

test('any stands for anything', () => {
  expect(findMismatches('any', 'timeout', 'got')).toEqual([]);
});
