import { afterEach, expect, test } from 'vitest';
import { Generation } from '../../../src/daemon/generation.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import type { BlockSettings } from '../../../src/plugins/directive.ts';
import { prometheus } from '../../../src/plugins/prometheus.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { freePort } from '../../helpers/free-port.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test.each([
  ['prometheus', { host: 'localhost', port: 9153 }],
  ['prometheus :9253', { host: '', port: 9253 }],
  ['prometheus 10.0.0.1:9253', { host: '10.0.0.1', port: 9253 }],
  ['prometheus [fd00::1]:9253', { host: 'fd00::1', port: 9253 }],
])('%s listens there', (text, address) => {
  expect(parseWith(prometheus, text).address).toMatchObject(address);
});

test.each([
  ['prometheus :9253 :9254', 'argument-count'],
  ['prometheus 9253', 'argument-value'],
  ['prometheus :65536', 'argument-value'],
  ['prometheus fd00::1:9253', 'argument-value'],
  ['prometheus {\n  runtime_metrics\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(prometheus, text)).toBe(code);
});

test('the queries of its block are counted', () => {
  const settings = {} as BlockSettings;
  prometheus.configure?.(parseWith(prometheus, 'prometheus'), settings);
  expect(settings.countRequests).toBe(true);
});

test('blocks with the same address share one page, which lists what each block does', async () => {
  const port = await freePort();
  const options = parseWith(prometheus, `prometheus 127.0.0.1:${port}`);
  const { context, generation, lines } = makeContext({
    zones: ['cluster.local.'],
    handlerNames: ['prometheus', 'errors', 'cache'],
  });
  prometheus.service?.(options, context);
  prometheus.service?.(options, { ...context, zones: ['.'], handlerNames: ['prometheus'] });
  await generation.start();
  stops.push(() => generation.stop());
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const enabled = text.split('\n').filter((line) => line.startsWith('coredns_plugin_enabled'));
  const server = 'server="dns://169.254.20.10:53",view=""';
  expect(enabled).toEqual([
    `coredns_plugin_enabled{name="cache",${server},zone="cluster.local."} 1`,
    `coredns_plugin_enabled{name="errors",${server},zone="cluster.local."} 1`,
    `coredns_plugin_enabled{name="prometheus",${server},zone="."} 1`,
    `coredns_plugin_enabled{name="prometheus",${server},zone="cluster.local."} 1`,
  ]);
  expect(lines).toEqual([]);
});

test('a reload keeps the series that stay and takes away the others', async () => {
  const options = parseWith(prometheus, `prometheus 127.0.0.1:${await freePort()}`);
  const { context, generation } = makeContext({ handlerNames: ['prometheus', 'cache', 'log'] });
  prometheus.service?.(options, context);
  await generation.start();
  const next = new Generation(generation);
  prometheus.service?.(options, { ...context, parts: next, handlerNames: ['prometheus', 'cache'] });
  await next.start();
  const series = async () =>
    [...(await expose(context.catalogue)).matchAll(/^coredns_plugin_enabled.*name="(\w+)".* 1$/gm)]
      .map(([, name]) => name)
      .join();
  expect(await series()).toBe('cache,log,prometheus');
  await next.retirePrevious();
  stops.push(() => next.stop());
  expect(await series()).toBe('cache,prometheus');
});
