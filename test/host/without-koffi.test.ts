/** A node on which koffi cannot be loaded: its listeners cannot be bound before the addresses exist. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyWithoutKoffi } from '../helpers/without-koffi.ts';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, LINK_LOCAL } from './harness/cluster.ts';
import { until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';

let cluster: Cluster;
let copy: ReturnType<typeof copyWithoutKoffi>;

beforeAll(async () => {
  cluster = await Cluster.create();
  copy = copyWithoutKoffi();
});
afterAll(async () => {
  await cluster?.destroy();
  rmSync(copy.folder, { recursive: true });
});

test('pods are served at all addresses, and nothing is left behind', async () => {
  const daemon = Daemon.launch(cluster, [], undefined, [], copy.bundle);
  await daemon.untilServing();
  await until('the cache answering', () => cluster.who() === FROM_CACHE);
  expect(cluster.who(LINK_LOCAL)).toBe(FROM_CACHE);
  expect(cluster.dig(cluster.pod, LINK_LOCAL, '+tcp', 'who.test.cluster.local')).toBe(FROM_CACHE);
  expect(cluster.node.run('curl', '-s', `http://${LINK_LOCAL}:8080/health`)).toBe('OK');
  expect(cluster.node.ip('addr', 'show', 'nodelocaldns')).not.toContain('forever');
  expect(await daemon.stop(), daemon.output).toBe(0);
  expect(cluster.ourRules()).toEqual([]);
  expect(cluster.node.try('ip', 'link', 'show', 'nodelocaldns').status).not.toBe(0);
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
});
