/** The image, and what daemonset.yaml asks of a node, by an OCI runtime in a namespace. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  Cluster,
  FROM_CACHE,
  FROM_KUBE_DNS,
  KUBE_DNS,
  LINK_LOCAL,
} from '../../host/harness/cluster.ts';
import { until } from '../../host/harness/command.ts';
import { startDnsperf } from '../../host/harness/dnsperf.ts';
import { Container } from './container.ts';
import { Image } from './image.ts';

const MIB = 1 << 20;
/** The manifest with the cluster's values. */
const MANIFEST = readFileSync(new URL('../../../daemonset.yaml', import.meta.url), 'utf8')
  .replaceAll('__PILLAR__LOCAL__DNS__', LINK_LOCAL)
  .replaceAll('__PILLAR__DNS__DOMAIN__', 'cluster.local')
  .replaceAll('__PILLAR__DNS__SERVER__', KUBE_DNS);

/** The same with the arguments and rights of the add-on's manifest. */
const STOCK = MANIFEST.replace(
  / {10}securityContext:\n[\s\S]*?(?= {10}# Both probes)/,
  (text) =>
    `${text.split('\n')[0]}\n            capabilities:\n              add:\n                - NET_ADMIN\n`,
)
  .replace('"/run/nodelocaldns/Corefile"', '"/etc/Corefile"')
  .replace(
    '            - "kube-dns-upstream"\n',
    '            - "kube-dns-upstream"\n            - "-pidfile"\n            - "/tmp/node-cache.pid"\n',
  );

let image: Image;
let cluster: Cluster;
let containers: Container[] = [];

beforeAll(async () => {
  image = Image.build();
  cluster = await Cluster.create();
});
afterEach(async () => {
  for (const container of containers) await container.remove();
  containers = [];
});
afterAll(async () => {
  await cluster?.destroy();
  image?.remove();
});

function start(manifest: string): Container {
  const container = Container.start(cluster, image.files, manifest);
  containers.push(container);
  return container;
}

/** What a container complains of, but for the driver that this machine's kernel does not have. */
function complaints(container: Container): string[] {
  const lines = container.output
    .split('\n')
    .filter((line) => /^\[(WARNING|ERROR|FATAL)\]/.test(line));
  return lines.filter((line) => !line.includes('this kernel has no "dummy" driver'));
}

/** Interface and rules of ours. */
function leftBehind(): string[] {
  const { status } = cluster.node.try('ip', 'link', 'show', 'nodelocaldns');
  return [...(status === 0 ? ['nodelocaldns'] : []), ...cluster.ourRules()];
}

test('is started as the stock manifest starts it, and says what it is', () => {
  expect(image.config.Entrypoint).toEqual(['/node-cache']);
  expect(image.config.Labels).toMatchObject({
    'org.opencontainers.image.title': 'nodelocaldns',
    'org.opencontainers.image.licenses': expect.stringContaining('Apache-2.0'),
  });
  expect(image.run('/node-cache', '-version')).toMatch(/^nodelocaldns-\d+\.\d+\.\d+\n/);
});

test('is small', () => {
  console.log(`image: ${(image.size / MIB).toFixed(0)} MiB unpacked`);
  expect(image.size).toBeLessThan(130 * MIB);
});

test('has both backends of iptables, nft, and a shell', () => {
  expect(image.run('iptables', '--version')).toContain('nf_tables');
  expect(image.run('iptables-nft', '--version')).toContain('nf_tables');
  expect(image.run('iptables-legacy', '--version')).toContain('legacy');
  expect(image.run('ip6tables-legacy', '--version')).toContain('legacy');
  expect(image.run('nft', '--version')).toContain('nftables');
  expect(image.run('sh', '-c', 'echo here')).toBe('here');
});

test('has the licence of everything in it', () => {
  for (const name of image.run('ls', '/var/lib/dpkg/status.d').split('\n')) {
    expect(image.read(`/usr/share/doc/${name}/copyright`), name).not.toBe('');
  }
  expect(image.read('/usr/share/doc/nodelocaldns/LICENSE')).toContain('Apache License');
  expect(image.read('/usr/share/doc/nodelocaldns/LICENSE.prom-client')).not.toBe('');
});

test('daemonset.yaml: serves the node with few rights and no file to write to but its own', async () => {
  const container = start(MANIFEST);
  const tookMs = await container.untilServing(cluster);
  console.log(`container: ${tookMs.toFixed(0)} ms until the pod is served`);
  expect(tookMs).toBeLessThan(5000);
  await until('the other address', () => cluster.who(LINK_LOCAL) === FROM_CACHE);
  expect(cluster.dig(cluster.pod, KUBE_DNS, 'www.example.net')).toBe('192.0.2.80');
  expect(cluster.ourRules().length).toBeGreaterThanOrEqual(24);
  expect(complaints(container)).toEqual([]);
  expect(await container.stop()).toBe(0);
  expect(leftBehind()).toEqual([]);
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
});

test('the stock manifest: serves the node with its arguments and rights', async () => {
  expect(STOCK).toContain('/tmp/node-cache.pid');
  expect(STOCK).not.toContain('readOnlyRootFilesystem');
  const container = start(STOCK);
  await container.untilServing(cluster);
  expect(complaints(container)).toEqual([]);
  expect(await container.stop()).toBe(0);
  expect(leftBehind()).toEqual([]);
});

test('the commands beside the daemon work in its container', async () => {
  const container = start(MANIFEST);
  await container.untilServing(cluster);
  const status = container.exec('nodelocaldns', 'status');
  expect(status).toMatchObject({ status: 0, output: expect.stringContaining(KUBE_DNS) });
  const doctor = container.exec('nodelocaldns', 'doctor');
  // Nothing is broken; that nobody has asked much yet is a warning.
  expect(doctor.status, doctor.output).toBeLessThan(2);
  expect(doctor.output).toMatch(/ok +rules/);
  const values = ['--kubedns', KUBE_DNS];
  expect(container.exec('nodelocaldns', 'render', 'cilium', ...values).status).toBe(0);
  expect(await container.stop()).toBe(0);
});

test('nftables: sets its rules without iptables', async () => {
  const args = '            - "-rules"\n            - "nftables"\n';
  const flag = '            - "kube-dns-upstream"\n';
  const container = start(MANIFEST.replace(flag, flag + args));
  await container.untilServing(cluster);
  expect(cluster.node.run('nft', 'list', 'ruleset')).toContain('notrack');
  expect(complaints(container)).toEqual([]);
  expect(await container.stop()).toBe(0);
  expect(leftBehind()).toEqual([]);
});

test('an update starts the new pod beside the old one: no query is lost', async () => {
  const old = start(MANIFEST);
  await old.untilServing(cluster);
  const load = startDnsperf(cluster, { server: KUBE_DNS, perSecond: 1000, names: 100 });
  const successor = start(MANIFEST);
  await until('the successor', () => successor.output.includes('node24'));
  expect(await old.stop()).toBe(0);
  // An update may take less than 0.3 s; the new pod is to be asked alone, too.
  await sleep(500);
  const { sent, lost, notNoerror } = await load.finish();
  expect({ lost, notNoerror }).toEqual({ lost: 0, notNoerror: 0 });
  expect(sent).toBeGreaterThan(300);
  expect(cluster.who()).toBe(FROM_CACHE);
  expect(await successor.stop()).toBe(0);
  expect(leftBehind()).toEqual([]);
});
