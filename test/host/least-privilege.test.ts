/** The daemon with no more rights than the manifest gives it, on a root file system that is read-only. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, KUBE_DNS, KUBE_DNS_UPSTREAM, LINK_LOCAL } from './harness/cluster.ts';
import { iptablesKind, NODE, until } from './harness/command.ts';
import type { Running } from './harness/namespace.ts';

const BUNDLE =
  process.env.NODELOCALDNS_BUNDLE ??
  new URL('../../dist/nodelocaldns.js', import.meta.url).pathname;
/** As securityContext.capabilities in deploy/base/daemonset.yaml. */
const CAPABILITIES = ['net_admin', 'net_bind_service'];
/** Their bits in /proc/PID/status (linux/capability.h: 10, 12). */
const CAPABILITY_BITS = (1 << 10) | (1 << 12);

/** Everything but the volumes of the manifest is read-only; then the rights go. */
const CONFINE = `
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mount --bind "$0" "$0"
mount -o remount,bind,ro /
keep=$(printf ',+%s' ${CAPABILITIES.join(' ')})
exec setpriv --no-new-privs --bounding-set="-all$keep" --inh-caps=-all "$@"
`;

let cluster: Cluster;
let daemon: Running;

afterEach(async () => {
  await cluster?.destroy();
});

/** What this kernel has: the one that the other tests use, and the other one where it works too. */
const KINDS = (['nft', 'legacy'] as const).filter((kind) => worksHere(kind));

test.each(KINDS)('beside iptables-%s it sets up the node, serves, and cleans up', async (kind) => {
  cluster = await Cluster.create(kind);
  const { node } = cluster;
  const corefile = `.:53 {
    bind ${LINK_LOCAL} ${KUBE_DNS}
    cache 30
    forward . ${KUBE_DNS_UPSTREAM}
}
`;
  const path = node.file('Corefile', corefile);
  const flags = [
    ...['-localip', `${LINK_LOCAL},${KUBE_DNS}`, '-conf', `${path}.made`, '-basecorefile', path],
  ];
  daemon = node.start(['sh', '-c', CONFINE, node.folder, NODE, BUNDLE, ...flags]);
  const isServing = () => cluster.who() === FROM_CACHE;
  await until('an answer for the pod', isServing).catch((cause) => {
    throw new Error(`${cause.message}\n${daemon.output()}`);
  });

  const status = readFileSync(`/proc/${daemon.child.pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\t(\\w+)$`, 'm').exec(status)?.[1];
  expect(field('NoNewPrivs')).toBe('1');
  expect(Number.parseInt(field('CapEff') ?? '', 16)).toBe(CAPABILITY_BITS);
  const mounts = readFileSync(`/proc/${daemon.child.pid}/mounts`, 'utf8');
  expect(mounts.split('\n').findLast((line) => line.split(' ')[1] === '/')).toContain(' ro,');
  expect(daemon.output()).not.toMatch(/EROFS|EPERM|EACCES|\[ERROR\]/);

  daemon.child.kill('SIGTERM');
  expect(await daemon.ended, daemon.output()).toBe(0);
  expect(node.try('ip', 'link', 'show', 'nodelocaldns').status).not.toBe(0);
});

function worksHere(kind: 'nft' | 'legacy'): boolean {
  return kind === iptablesKind || spawnSync(`iptables-${kind}`, ['-S']).status === 0;
}
