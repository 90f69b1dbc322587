/** The built daemon on a cluster's node, with the stock manifest's flags and Corefile. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, FROM_CACHE, KUBE_DNS, KUBE_DNS_UPSTREAM, LINK_LOCAL } from './cluster.ts';
import { LEASE_MS, NODE, slowness, until } from './command.ts';
import type { Running } from './namespace.ts';

const BUILT = new URL('../../../dist/nodelocaldns.js', import.meta.url).pathname;
/** The stock manifest's Corefile after the operator's sed (spec §4.3). */
const COREFILE = `cluster.local:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind ${LINK_LOCAL} ${KUBE_DNS}
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    health ${LINK_LOCAL}:8080
    }
in-addr.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind ${LINK_LOCAL} ${KUBE_DNS}
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
.:53 {
    errors
    cache 30
    reload
    loop
    bind ${LINK_LOCAL} ${KUBE_DNS}
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }
`;

/** On a machine whose processor others use most of the time. */
const START_PATIENCE_MS = 60_000;

let started = 0;

export class Daemon {
  readonly cluster: Cluster;
  readonly #running: Running;

  /** Whether it runs, else how it ended. */
  status = 'it runs';

  private constructor(cluster: Cluster, running: Running) {
    this.cluster = cluster;
    this.#running = running;
    running.ended.then((ended) => {
      this.status = `it ended with ${ended}`;
    });
  }

  /** Starts a daemon; returns at once. `flags` come after the stock ones and so win over them. */
  static launch(
    cluster: Cluster,
    flags: readonly string[] = [],
    corefile = COREFILE,
    nodeFlags: readonly string[] = [],
    bundle = BUILT,
  ): Daemon {
    if (!existsSync(bundle)) throw new Error('dist/nodelocaldns.js is missing: npm run build');
    const { node } = cluster;
    const base = node.file(`Corefile.base${++started}`, corefile);
    const running = node.start(
      [
        NODE,
        ...nodeFlags,
        bundle,
        ...['-localip', `${LINK_LOCAL},${KUBE_DNS}`],
        ...['-conf', join(node.folder, `Corefile${started}`), '-basecorefile', base],
        ...['-upstreamsvc', 'kube-dns-upstream'],
        // The default is what is tested, where it will do. Elsewhere its probe is late now and then.
        ...(slowness === 1 ? [] : ['-lease', `${(2 * LEASE_MS) / 1000}s`]),
        ...['-pidfile', join(node.folder, `pid${started}`)],
        ...flags,
      ],
      { KUBE_DNS_UPSTREAM_SERVICE_HOST: KUBE_DNS_UPSTREAM },
    );
    return new Daemon(cluster, running);
  }

  /** Starts a daemon and waits until the pod's queries reach it. */
  static async start(cluster: Cluster, flags: readonly string[] = []): Promise<Daemon> {
    const daemon = Daemon.launch(cluster, flags);
    const isThere = () => cluster.who() === FROM_CACHE && cluster.who(LINK_LOCAL) === FROM_CACHE;
    await until('the daemon answering the pod', isThere, START_PATIENCE_MS).catch((cause) => {
      throw new Error(`${cause.message}; ${daemon.status}:\n${daemon.output}`);
    });
    return daemon;
  }

  /** What it has logged. */
  get output(): string {
    return this.#running.output();
  }

  /** Its process: `ip netns exec` and the shell have become it. */
  get pid(): number {
    return this.#running.child.pid ?? 0;
  }

  /** Its exit status, or the signal that ended it. */
  get ended(): Promise<number | string | null> {
    return this.#running.ended;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Resolves when it has started and says so. */
  async untilServing(): Promise<Daemon> {
    const isServing = () => this.output.includes(`${process.platform}/${process.arch}, node`);
    await until('a daemon that serves', isServing).catch((cause) => {
      throw new Error(`${cause.message}\n${this.output}`);
    });
    return this;
  }

  /** Ends it by force. */
  kill(): void {
    this.#running.child.kill('SIGKILL');
  }

  /** Ends it as kubelet does; gives the exit status. */
  async stop(): Promise<number | string | null> {
    this.signal('SIGTERM');
    return this.ended;
  }

  /** The value of a sample in its metrics; the sum where several lines fit. Null without any. */
  metric(name: string, ...labels: string[]): number | null {
    const text = this.cluster.node.runQuickly('curl', '-s', 'http://127.0.0.1:9253/metrics');
    const values = text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => labels.every((label) => line.includes(label)))
      .map((line) => Number(line.split(' ').at(-1)));
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value);
  }
}
