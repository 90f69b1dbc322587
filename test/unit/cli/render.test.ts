import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type CommandWords, UsageError } from '../../../src/cli/command.ts';
import { render } from '../../../src/cli/commands/render.ts';

const deploy = new URL('../../../deploy/', import.meta.url);

async function rendered(values: Record<string, string>, variant?: string): Promise<string> {
  const output: string[] = [];
  const fallbacks = render.options.map(({ name, fallback }) => [name, fallback]);
  const words: CommandWords = {
    parameters: variant === undefined ? [] : [variant],
    isSet: (name) => name in values,
    wasGiven: (name) => name in values,
    value: (name) => values[name] ?? Object.fromEntries(fallbacks)[name],
    daemonFlags: null,
  };
  const modules = { write: (text: string) => output.push(text) } as never;
  expect(await render.run(words, modules)).toBe(0);
  return output.join('');
}

test('the plain manifest has the values in the place of the operator’s placeholders', async () => {
  const text = await rendered({ kubedns: '10.96.0.10', domain: 'corp.example' });
  const expected = readFileSync(new URL('base/daemonset.yaml', deploy), 'utf8')
    .replaceAll('__PILLAR__LOCAL__DNS__', '169.254.20.10')
    .replaceAll('__PILLAR__DNS__DOMAIN__', 'corp.example')
    .replaceAll('__PILLAR__DNS__SERVER__', '10.96.0.10');
  // Without the head, which says how to fill in what is filled in.
  expect(text).toBe(expected.slice(expected.indexOf('apiVersion:')));
  expect(text.match(/__\w+__/g)?.every((name) => /CLUSTER|UPSTREAM/.test(name))).toBe(true);
});

test('IPVS needs no address of kube-dns, and gets another image', async () => {
  const text = await rendered({ image: 'registry.example/dns:1' }, 'ipvs');
  expect(text).toContain('image: registry.example/dns:1\n');
  expect(text).not.toContain('DNS__SERVER');
});

test('dual stack takes an address of each family for both', async () => {
  const values = { kubedns: '10.96.0.10', kubedns6: 'fd00:10:96::a', localdns6: 'fd00:53::10' };
  const text = await rendered(values, 'dual-stack');
  expect(text).toContain('- 169.254.20.10,10.96.0.10,fd00:53::10,fd00:10:96::a\n');
});

test.each([
  ['a value is missing', {}, undefined, '--kubedns is needed'],
  ['a value is no address', { kubedns: '10.96.0' }, undefined, '"10.96.0" is not an IP address'],
  ['a domain holds more', { kubedns: '1.2.3.4', domain: 'a b' }, undefined, 'not a domain name'],
  ['a family is missing', { kubedns: '1.2.3.4' }, 'dual-stack', '--kubedns6 is needed'],
  ['the variant is unknown', {}, 'openshift', 'no variant; there are plain, cilium, dual-stack'],
  ['the variant is a path', {}, '../base/daemonset', 'is no variant'],
])('%s: refused with a reason', async (_, values, variant, message) => {
  const error = await rendered(values as Record<string, string>, variant).catch((cause) => cause);
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message).toContain(message);
});
