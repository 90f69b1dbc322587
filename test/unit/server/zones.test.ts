import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QueryView } from '../../../src/dns/query-view.ts';
import type { Route } from '../../../src/server/pipeline.ts';
import { ZoneTable } from '../../../src/server/zones.ts';

const view = new QueryView();

function table(...zones: string[]): ZoneTable {
  return new ZoneTable(
    zones.map((zone) => ({ zone }) as Route),
    true,
  );
}

function find(zones: ZoneTable, name: string, type: 'A' | 'DS' = 'A'): string | null {
  const query = packet.encode({ type: 'query', questions: [{ name, type }] });
  expect(view.read(query, 0, query.length)).toBe(0);
  return zones.find(view)?.zone ?? null;
}

describe('ZoneTable', () => {
  it('finds the longest zone at or above a name, whatever its letter case', () => {
    const zones = table('test.', 'sub.test.', '.');
    expect(find(zones, 'a.test')).toBe('test.');
    expect(find(zones, 'A.SUB.Test')).toBe('sub.test.');
    expect(find(zones, 'sub.test')).toBe('sub.test.');
    expect(find(zones, 'asub.test')).toBe('test.');
    expect(find(zones, 'other')).toBe('.');
  });

  it('finds nothing for a name outside all zones', () => {
    expect(find(table('test.'), 'other')).toBeNull();
    expect(find(table('test.'), 'xtest')).toBeNull();
  });

  it('asks the parent for DS records when it is served too', () => {
    expect(find(table('test.', 'sub.test.'), 'sub.test', 'DS')).toBe('test.');
    expect(find(table('sub.test.'), 'sub.test', 'DS')).toBe('sub.test.');
  });

  it('agrees with a comparison of every zone', () => {
    const label = fc.constantFrom('a', 'b', 'aa', 'ab');
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), name, (zones, asked) => {
        const longest = zones
          .filter((zone) => asked === zone || asked.endsWith(`.${zone}`))
          .sort((a, b) => b.length - a.length)[0];
        const found = find(table(...zones.map((zone) => `${zone}.`)), asked);
        expect(found).toBe(longest === undefined ? null : `${longest}.`);
      }),
      { seed: 1 },
    );
  });
});
