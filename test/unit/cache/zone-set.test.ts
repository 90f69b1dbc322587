import { expect, test } from 'vitest';
import { ZoneSet } from '../../../src/cache/zone-set.ts';
import { makeQuery } from '../../helpers/cache-fixture.ts';

const covers = (zones: string[], name: string) =>
  new ZoneSet(zones).covers(makeQuery({ name }).key);

test('a zone covers itself and what is below it', () => {
  expect(covers(['in.test.'], 'in.test')).toBe(true);
  expect(covers(['In.Test.'], 'A.b.IN.test')).toBe(true);
});
test('a zone does not cover its parents, its siblings, or a name that ends like it', () => {
  expect(covers(['in.test.'], 'test')).toBe(false);
  expect(covers(['in.test.'], 'out.test')).toBe(false);
  expect(covers(['in.test.'], 'begin.test')).toBe(false);
});
test('a label that holds the octets of the zone is not in it', () => {
  const key = `\x08x\x02in\x04tes${'\x04test\x00'}\x00\x01\x00\x01\x00`;
  expect(new ZoneSet(['in.test.']).covers(key)).toBe(false);
});
test('the root covers every name', () => {
  expect(covers(['.'], 'a.test')).toBe(true);
  expect(covers(['.'], '.')).toBe(true);
});
test('any of several zones will do, none covers nothing', () => {
  expect(covers(['a.test.', 'b.test.'], 'x.b.test')).toBe(true);
  expect(covers([], 'x.b.test')).toBe(false);
});

test('the longest of the zones is found, as it was given', () => {
  const find = (zones: string[], name: string) => new ZoneSet(zones).find(makeQuery({ name }).key);
  expect(find(['.', 'Test.', 'a.test.'], 'x.A.test')).toBe('a.test.');
  expect(find(['a.test.', 'Test.', '.'], 'ya.test')).toBe('Test.');
  expect(find(['a.test.'], 'b.test')).toBeNull();
});
