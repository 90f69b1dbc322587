import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Directive } from '../../../src/plugins/directive.ts';
import { COREDNS_DIRECTIVES, DIRECTIVES } from '../../../src/plugins/registry.ts';

const folder = new URL('../../../src/plugins/', import.meta.url);
const names = DIRECTIVES.map((directive) => directive.name);

function isDirective(value: unknown): value is Directive<unknown> {
  return typeof value === 'object' && value !== null && 'parse' in value && 'repeatable' in value;
}

test('every directive that has a file is listed', async () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(files.map((name) => import(new URL(name, folder).href)));
  const written = modules.flatMap((module) => Object.values(module)).filter(isDirective);
  expect(written.map((directive) => directive.name).sort()).toEqual([...names].sort());
});

test('they stand in the order of the chain', () => {
  expect(names).toEqual([...COREDNS_DIRECTIVES].filter((name) => names.includes(name)));
});

test.each([
  ['errors', 'log'],
  ['log', 'cache'],
  ['cache', 'loop'],
  ['loop', 'forward'],
  ['forward', 'whoami'],
])('%s comes before %s', (first, second) => {
  expect(names.indexOf(first)).toBeGreaterThanOrEqual(0);
  expect(names.indexOf(first)).toBeLessThan(names.indexOf(second));
});
