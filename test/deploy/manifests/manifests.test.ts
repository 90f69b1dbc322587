/** The manifest and the overlays, rendered and checked without a cluster. Wants kubectl. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { overlays, renderOverlay } from '../../../scripts/render-manifests.ts';
import { FLAG_DEFINITIONS } from '../../../src/cli/flag-definitions.ts';
import { type DaemonSetSpec, daemonSet, find, findDecodeFaults, readManifest } from './manifest.ts';
import { findFaults } from './schema.ts';

const root = new URL('../../../', import.meta.url).pathname;
const MANIFEST = readFileSync(`${root}daemonset.yaml`, 'utf8');

/** The example values of the add-on's documentation. */
const VALUES: Record<string, string> = {
  localdns: '169.254.20.10',
  domain: 'cluster.local',
  kubedns: '10.96.0.10',
  localdns6: 'fd00:53::10',
  kubedns6: 'fd00:10:96::a',
};

/** The operator's command, as the add-on's documentation and ours have it. */
const SED =
  's/__PILLAR__LOCAL__DNS__/$localdns/g; s/__PILLAR__DNS__DOMAIN__/$domain/g; s/__PILLAR__DNS__SERVER__/$kubedns/g';
const SED6 = 's/__PILLAR__LOCAL6__DNS__/$localdns6/g; s/__PILLAR__DNS6__SERVER__/$kubedns6/g';

function fillIn(text: string, script = SED): string {
  return execFileSync('sh', ['-c', `sed "${script}"`], {
    input: text,
    env: VALUES,
    encoding: 'utf8',
  });
}

const variants: readonly (readonly [string, string])[] = [
  ['daemonset.yaml', fillIn(MANIFEST)],
  ...overlays.map((name) => [name, fillIn(fillIn(renderOverlay(name)), SED6)] as const),
];

describe.each(variants)('%s', (_, text) => {
  const objects = readManifest(text);
  const spec = daemonSet(objects);
  const container = spec.template.spec.containers[0];

  test('has only fields that Kubernetes knows, of the right types', () => {
    for (const object of objects) expect(findFaults({ ...object })).toEqual([]);
    const known = objects.filter(({ apiVersion }) => !apiVersion.startsWith('cilium.io'));
    expect(known.flatMap(findDecodeFaults)).toEqual([]);
  });

  test('leaves only placeholders that the daemon fills in', () => {
    const left = new Set(text.match(/__[A-Z][A-Z_0-9]*__/g));
    const filledIn = [
      '__PILLAR__CLUSTER__DNS__',
      '__PILLAR__UPSTREAM__SERVERS__',
      '__LOCAL__DNS__',
    ];
    expect(filledIn).toEqual(expect.arrayContaining([...left]));
  });

  test('selects its own pods, and names objects that it has', () => {
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    find(objects, 'ServiceAccount', spec.template.spec.serviceAccountName);
    find(objects, 'Service', 'kube-dns-upstream');
    for (const { configMap } of spec.template.spec.volumes) {
      if (configMap?.optional !== true && configMap) find(objects, 'ConfigMap', configMap.name);
    }
  });

  test('mounts the volumes that it has, and every one of them', () => {
    const volumes = spec.template.spec.volumes.map(({ name }) => name);
    const mounts = container.volumeMounts.map(({ name }) => name);
    expect(mounts.toSorted()).toEqual(volumes.toSorted());
  });

  test('gives the daemon flags that it has', () => {
    const names: readonly string[] = FLAG_DEFINITIONS.map(({ name }) => name);
    const flags = container.args.filter((word) => word.startsWith('-'));
    for (const flag of flags) expect(names).toContain(flag.replace(/^-+|=.*/g, ''));
  });

  test('writes the Corefile where it may, everything else being read-only', () => {
    const { readOnlyRootFilesystem, capabilities } = container.securityContext;
    expect({ readOnlyRootFilesystem, drop: capabilities.drop }).toEqual({
      readOnlyRootFilesystem: true,
      drop: ['ALL'],
    });
    const corefile = container.args[container.args.indexOf('-conf') + 1];
    const mount = container.volumeMounts.find(({ name }) => name === 'run');
    expect(corefile).toMatch(new RegExp(`^${mount?.mountPath}/`));
  });

  test('starts a new pod beside the old one: the host network has no declared ports', () => {
    expect(spec.updateStrategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    if (spec.template.spec.hostNetwork) expect(container.ports).toBeUndefined();
  });
});

function rendered(name: string): { spec: DaemonSetSpec; corefile: string; text: string } {
  const text = variants.find(([variant]) => variant === name)?.[1] ?? '';
  const objects = readManifest(text);
  const corefile = find(objects, 'ConfigMap').data?.Corefile ?? '';
  return { spec: daemonSet(objects), corefile, text };
}

/** The value of a flag in a rendered overlay. */
function flag(name: string, wanted: string): string | undefined {
  const { args } = rendered(name).spec.template.spec.containers[0];
  return args[args.indexOf(wanted) + 1];
}

test('IPVS: the address of kube-dns is left alone', () => {
  expect(rendered('ipvs').text).not.toContain(VALUES.kubedns);
  expect(flag('ipvs', '-localip')).toBe(VALUES.localdns);
});

test('dual stack: both families are listened on', () => {
  const { localdns, kubedns, localdns6, kubedns6 } = VALUES;
  expect(flag('dual-stack', '-localip')).toBe([localdns, kubedns, localdns6, kubedns6].join());
  expect(rendered('dual-stack').corefile).toContain('bind __LOCAL__DNS__');
});

test('iptables and nftables: the rules are set with these', () => {
  expect(flag('iptables', '-rules')).toBe('iptables');
  expect(flag('nftables', '-rules')).toBe('nftables');
});

test('Cilium: the node’s network is left alone, and its policy finds our ports', () => {
  const { spec, corefile, text } = rendered('cilium');
  const { hostNetwork, containers } = spec.template.spec;
  expect(hostNetwork).toBe(false);
  expect(containers[0].securityContext.capabilities.add).toEqual(['NET_BIND_SERVICE']);
  expect(containers[0].args).toEqual(
    expect.arrayContaining(['-setupinterface=false', '-setupiptables=false']),
  );
  expect(containers[0].livenessProbe.httpGet.host).toBeUndefined();
  expect(corefile.match(/bind 0\.0\.0\.0$/gm)).toHaveLength(4);
  const policy = find(readManifest(text), 'CiliumLocalRedirectPolicy').spec as unknown as {
    redirectBackend: { toPorts: { name: string; port: string; protocol: string }[] };
  };
  const wanted = policy.redirectBackend.toPorts.map(({ name, port, protocol }) => ({
    containerPort: Number(port),
    name,
    protocol,
  }));
  expect(containers[0].ports).toEqual(expect.arrayContaining(wanted));
});

test('deploy/manifests holds what the overlays come to', () => {
  for (const name of overlays) {
    const kept = readFileSync(`${root}deploy/manifests/${name}.yaml`, 'utf8');
    expect(kept, 'run scripts/render-manifests.ts').toBe(renderOverlay(name));
  }
});

test('the commands in the manifest’s head and in the README are the add-on’s', () => {
  expect(MANIFEST).toContain(`sed "${SED}" daemonset.yaml`);
  expect(readFileSync(`${root}README.md`, 'utf8')).toContain(`sed "${SED}" daemonset.yaml`);
});

describe('the check finds', () => {
  const [, text] = variants[0];
  test.each([
    ['a field that is misspelt', 'dnsPolicy:', 'dnsPolice:', 'dnsPolice: no such field'],
    ['a number for text', 'path: /health', 'path: 8080', 'does not match'],
    ['text for a number', 'timeoutSeconds: 5', 'timeoutSeconds: "5"', 'is no whole number'],
    ['an unknown kind', 'kind: DaemonSet', 'kind: DeamonSet', 'apps/v1 DeamonSet: not known'],
  ])('%s', (_, from, to, fault) => {
    const faults = readManifest(text.replaceAll(from, to)).flatMap((object) =>
      findFaults({ ...object }),
    );
    expect(faults.join('\n')).toContain(fault);
  });
});
