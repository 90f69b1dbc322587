import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DIRECTIVES } from '../../../src/plugins/registry.ts';

const TEXT = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

/** The text below a heading, up to the next of the same depth or above. */
function below(heading: string): string {
  const depth = heading.indexOf(' ');
  const [, rest = ''] = TEXT.split(`\n${heading}\n`);
  return rest.split(new RegExp(`^#{1,${depth}} `, 'm'))[0];
}

const names = DIRECTIVES.map(({ name }) => name);

test.each(names)('%s has a section with an example of its own', (name) => {
  const examples = [...below(`### ${name}`).matchAll(/^```corefile\n([\s\S]*?)^```$/gm)];
  expect(examples.some(([, text]) => new RegExp(`^\\s*${name}\\b`, 'm').test(text))).toBe(true);
});

test('the table of directives has the order of the chain', () => {
  const overview = below('## Directives').split('\n### ')[0];
  const rows = [...overview.matchAll(/^\| \[`(\w+)`\]\(#(\w+)\)/gm)];
  expect(rows.map(([, name]) => name)).toEqual(names);
  for (const [, name, anchor] of rows) expect(anchor).toBe(name);
});

test('every directive is compared with node-cache’s', () => {
  const table = below('### Directives and their options').split('\nWhat they do')[0];
  const rows = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
  expect(rows).toEqual(expect.arrayContaining(names));
  expect(new Set(rows).size).toBe(rows.length);
});
