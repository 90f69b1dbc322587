import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { DEFINITIONS, type Definition } from '../../../src/metrics/definitions.ts';
import { showNode } from '../../../src/metrics/process-metrics.ts';

const TEXT = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

/** `type labels` by name, as the tables of docs/metrics.md say. */
const described = new Map(
  [...TEXT.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|[^|]+\|$/gm)].map(([, name, type, labels]) => [
    name,
    `${type} ${labels.trim()}`,
  ]),
);

/** Names of what prom-client shows. */
const ofPromClient = await namesOfPromClient();

async function namesOfPromClient(): Promise<string[]> {
  const catalogue = new Catalogue();
  await showNode(catalogue);
  return (await catalogue.registry?.getMetricsAsJSON())?.map(({ name }) => name) ?? [];
}

test('every metric that is defined is described, with its type and labels, and no other', () => {
  const defined = Object.entries(DEFINITIONS).map(
    ([name, { type, labels }]: [string, Definition]) => [
      name,
      `${type} ${[...labels].sort().join(', ')}`,
    ],
  );
  const ours = [...described].filter(([name]) => !ofPromClient.includes(name));
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(defined));
});

test("of prom-client's metrics those that are shown are described, and no other", () => {
  const theirs = [...described.keys()].filter(
    (name) => name.startsWith('nodejs_') && !(name in DEFINITIONS),
  );
  expect(theirs.toSorted()).toEqual(ofPromClient.toSorted());
});

test('no metric is described twice', () => {
  const rows = [...TEXT.matchAll(/^\| `(\w+)` \| \w+ \|/gm)].map(([, name]) => name);
  expect(new Set(rows).size).toBe(rows.length);
});

test('queries in the text name metrics that there are', () => {
  const used = [...TEXT.matchAll(/\b((?:coredns|nodelocaldns|process)_\w+)/g)].map(([, name]) =>
    name.replace(/_(bucket|sum|count)$/, ''),
  );
  for (const name of used) {
    if (/_$/.test(name)) continue;
    expect(described.has(name), name).toBe(true);
  }
});
