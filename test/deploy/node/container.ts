/**
 * Runs the container of a manifest on the node of a test cluster, the way kubelet and an OCI runtime
 * do: its arguments, rights, read-only files and volumes, in the node's network namespace.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, FROM_CACHE, KUBE_DNS_UPSTREAM } from '../../host/harness/cluster.ts';
import { until } from '../../host/harness/command.ts';
import { daemonSet, find, readManifest } from '../manifests/manifest.ts';

/** What a container gets where the manifest drops nothing: containerd's list. */
const DEFAULT_CAPABILITIES =
  'CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT AUDIT_WRITE'.split(
    ' ',
  );

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export class Container {
  readonly #id = `nld-${randomBytes(4).toString('hex')}`;
  readonly #child: ChildProcess;
  readonly #state: string;
  readonly ended: Promise<number | null>;
  output = '';

  private constructor(bundle: string) {
    this.#state = join(bundle, 'state');
    const args = ['run', '--bundle', bundle, this.#id];
    this.#child = spawn('runc', ['--root', this.#state, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    this.ended = new Promise((resolve) => {
      this.#child.on('close', resolve);
    });
  }

  /** @param files the image's; @param manifest with its values filled in */
  static start(cluster: Cluster, files: string, manifest: string): Container {
    const bundle = mkdtempSync(join(cluster.node.folder, 'bundle-'));
    writeFileSync(
      join(bundle, 'config.json'),
      JSON.stringify(configOf(cluster, files, manifest, bundle)),
    );
    return new Container(bundle);
  }

  /** Resolves when the pod's queries are answered by it; gives how long that took since `start`. */
  async untilServing(cluster: Cluster): Promise<number> {
    const startMs = performance.now();
    await until('the container answering the pod', () => cluster.who() === FROM_CACHE).catch(
      (cause) => {
        throw new Error(`${cause.message}\n${this.output}`);
      },
    );
    return performance.now() - startMs;
  }

  signal(name: string): void {
    this.#runc('kill', this.#id, name);
  }

  /** Runs a command in it, as `kubectl exec` does. */
  exec(...command: string[]): { status: number | null; output: string } {
    const args = ['--root', this.#state, 'exec', this.#id, ...command];
    const { status, stdout, stderr } = spawnSync('runc', args, { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  }

  /** Ends it as kubelet does; gives its exit status. */
  async stop(): Promise<number | null> {
    this.signal('TERM');
    return this.ended;
  }

  /** Ends it by force, if it still runs. */
  async remove(): Promise<void> {
    this.#runc('delete', '--force', this.#id);
    await this.ended;
  }

  #runc(...args: string[]): void {
    spawnSync('runc', ['--root', this.#state, ...args]);
  }
}

/** The runtime's configuration (OCI runtime specification, config.md). */
function configOf(cluster: Cluster, files: string, manifest: string, bundle: string): object {
  const { args, securityContext: rights } = daemonSet(readManifest(manifest)).template.spec
    .containers[0];
  const { add = [], drop = [] } = rights.capabilities;
  const kept = drop.includes('ALL') ? [] : DEFAULT_CAPABILITIES;
  const capabilities = [...kept, ...add].map((name) => `CAP_${name}`);
  const namespaces = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  return {
    ociVersion: '1.0.0',
    process: {
      args: ['/node-cache', ...args],
      cwd: '/',
      env: [
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        `KUBE_DNS_UPSTREAM_SERVICE_HOST=${KUBE_DNS_UPSTREAM}`,
      ],
      user: { uid: 0, gid: 0 },
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: rights.allowPrivilegeEscalation === false,
    },
    root: { path: files, readonly: rights.readOnlyRootFilesystem === true },
    mounts: [
      ...SYSTEM_MOUNTS,
      bind(join(cluster.node.folder, 'resolv.conf'), '/etc/resolv.conf'),
      ...volumes(manifest, bundle),
    ],
    linux: {
      namespaces: [...namespaces, { type: 'network', path: `/var/run/netns/${cluster.node.name}` }],
    },
  };
}

const SYSTEM_MOUNTS: readonly Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: [] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
];

/** The volumes of the manifest, made in a folder. */
function volumes(manifest: string, bundle: string): Mount[] {
  const objects = readManifest(manifest);
  const { containers, volumes: all } = daemonSet(objects).template.spec;
  return containers[0].volumeMounts.map(({ name, mountPath }) => {
    const volume = all.find((candidate) => candidate.name === name);
    if (volume?.emptyDir)
      return { destination: mountPath, type: 'tmpfs', source: 'tmpfs', options: ['nosuid'] };
    const source = join(bundle, name);
    if (volume?.hostPath) writeFileSync(source, '');
    else mkdirSync(source);
    // An optional ConfigMap that is not there is an empty folder.
    for (const { key, path } of volume?.configMap?.items ?? []) {
      const { data = {} } = find(objects, 'ConfigMap', volume?.configMap?.name);
      writeFileSync(join(source, path), data[key]);
    }
    return bind(source, mountPath);
  });
}

function bind(source: string, destination: string): Mount {
  return { destination, type: 'bind', source, options: ['bind', 'rw'] };
}
