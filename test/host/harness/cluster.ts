/**
 * A cluster in three network namespaces: a pod, its node, and the machine that kube-dns and the
 * outside's resolver run on, with rules like kube-proxy's on the node.
 *
 * ```
 *  pod 10.244.1.2 ── node 10.244.1.1 ─── 10.244.2.1 ── servers 10.244.2.2  kube-dns (nsd)
 *                     │ 10.96.0.10 → 10.244.2.2                10.244.2.3  the same zone (nsd)
 *                     │ 10.96.0.11 → 10.244.2.3                10.244.2.4  resolver (unbound)
 * ```
 * The address of `who.test.cluster.local` tells who answered: kube-dns itself, or, through
 * kube-dns-upstream, the cache.
 */
import { iptablesKind, slowness, until } from './command.ts';
import { connect, Namespace } from './namespace.ts';

export const KUBE_DNS = '10.96.0.10';
export const KUBE_DNS_UPSTREAM = '10.96.0.11';
export const LINK_LOCAL = '169.254.20.10';
export const POD = '10.244.1.2';
/** A name whose address tells the way that the query went. */
export const WHO = 'who.test.cluster.local';
export const FROM_KUBE_DNS = '10.0.0.1';
export const FROM_CACHE = '10.0.0.2';

const SERVER = '10.244.2.2';
const UPSTREAM_SERVER = '10.244.2.3';
const RESOLVER = '10.244.2.4';

export class Cluster {
  readonly pod: Namespace;
  readonly node: Namespace;
  readonly servers: Namespace;

  /** Which iptables kube-proxy is made to use. */
  readonly iptables: 'nft' | 'legacy';

  private constructor(iptables: 'nft' | 'legacy') {
    this.iptables = iptables;
    this.pod = new Namespace(
      'pod',
      KUBE_DNS,
      'default.svc.cluster.local svc.cluster.local cluster.local',
    );
    this.node = new Namespace('node', RESOLVER);
    this.servers = new Namespace('servers');
  }

  /** Builds everything; leaves nothing behind when it cannot. */
  static async create(iptables = iptablesKind): Promise<Cluster> {
    const cluster = new Cluster(iptables);
    try {
      cluster.#lay();
      cluster.#startServers();
      cluster.#addServiceRules();
      await until('kube-dns answering the pod', () => cluster.who() === FROM_KUBE_DNS);
      return cluster;
    } catch (cause) {
      await cluster.destroy();
      throw cause;
    }
  }

  async destroy(): Promise<void> {
    for (const namespace of [this.pod, this.node, this.servers]) await namespace.destroy();
  }

  /** What a program says in a namespace about a name: the answers of `dig +short`, one per line. */
  dig(from: Namespace, server: string, ...question: string[]): string {
    const options = ['+short', `+time=${Math.max(2, slowness)}`, '+tries=1'];
    return from.tryQuickly('dig', `@${server}`, ...options, ...question).stdout.trim();
  }

  /** Which way a query of the pod's to an address goes now. */
  who(server = KUBE_DNS): string {
    return this.dig(this.pod, server, WHO);
  }

  /** The rules of the node in iptables-save form. */
  rules(table?: string): string {
    const which = table === undefined ? [] : ['-t', table];
    return this.node.runQuickly(`iptables-${this.iptables}-save`, ...which);
  }

  /** The rules that a node-local cache put there. */
  ourRules(): string[] {
    return this.rules()
      .split('\n')
      .filter((line) => line.includes('NodeLocal DNS Cache'));
  }

  #lay(): void {
    const { pod, node, servers } = this;
    connect(
      [node, 'to-pod', ['10.244.1.1/24', 'fd00:1::1/64']],
      [pod, 'eth0', [`${POD}/24`, 'fd00:1::2/64']],
    );
    connect(
      [node, 'to-servers', ['10.244.2.1/24']],
      [servers, 'eth0', [`${SERVER}/24`, `${UPSTREAM_SERVER}/24`, `${RESOLVER}/24`]],
    );
    pod.ip('route', 'add', 'default', 'via', '10.244.1.1');
    pod.ip('-6', 'route', 'add', 'default', 'via', 'fd00:1::1');
    node.ip('route', 'add', 'default', 'via', SERVER);
    servers.ip('route', 'add', 'default', 'via', '10.244.2.1');
    node.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  }

  #startServers(): void {
    this.#startNsd('kube-dns', SERVER, FROM_KUBE_DNS);
    this.#startNsd('kube-dns-upstream', UPSTREAM_SERVER, FROM_CACHE);
    const { servers } = this;
    const config = servers.file('unbound.conf', unboundConfig());
    servers.start(['unbound', '-d', '-c', config]);
  }

  #startNsd(name: string, address: string, who: string): void {
    const { servers } = this;
    const zones = [
      ['cluster.local', clusterZone(who)],
      ['10.in-addr.arpa', reverseZone()],
    ].map(([zone, text]) => {
      const file = servers.file(`${name}.${zone}.zone`, text);
      return `zone:\n  name: "${zone}"\n  zonefile: "${file}"\n`;
    });
    const config = servers.file(
      `${name}.conf`,
      nsdConfig(servers.folder, name, address) + zones.join(''),
    );
    servers.start(['nsd', '-d', '-c', config]);
  }

  /** What kube-proxy would set for two services of one endpoint each. */
  #addServiceRules(): void {
    const lines = ['*nat', ':KUBE-SERVICES - [0:0]'];
    const ends: string[] = [];
    for (const [service, server] of [
      [KUBE_DNS, SERVER],
      [KUBE_DNS_UPSTREAM, UPSTREAM_SERVER],
    ]) {
      for (const protocol of ['udp', 'tcp']) {
        const name = `${protocol.toUpperCase()}${service.split('.')[3]}`;
        lines.push(`:KUBE-SVC-${name} - [0:0]`, `:KUBE-SEP-${name} - [0:0]`);
        ends.push(
          `-A KUBE-SERVICES -d ${service}/32 -p ${protocol} -m comment --comment "kube-system/kube-dns cluster IP" --dport 53 -j KUBE-SVC-${name}`,
          `-A KUBE-SVC-${name} -m comment --comment "kube-system/kube-dns -> ${server}:53" -j KUBE-SEP-${name}`,
          `-A KUBE-SEP-${name} -p ${protocol} -j DNAT --to-destination ${server}:53`,
        );
      }
    }
    const jumps = ['PREROUTING', 'OUTPUT'].map((chain) => `-A ${chain} -j KUBE-SERVICES`);
    const script = [...lines, ...jumps, ...ends, 'COMMIT', ''].join('\n');
    const file = this.node.file('kube-proxy.rules', script);
    this.node.run(`iptables-${this.iptables}-restore`, '--noflush', file);
  }
}

function nsdConfig(folder: string, name: string, address: string): string {
  return `server:
  ip-address: ${address}
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: ""
  xfrdfile: "${folder}/${name}.xfrd"
  zonelistfile: "${folder}/${name}.zones"
  rrl-ratelimit: 0
  receive-buffer-size: 4194304
remote-control:
  control-enable: no
`;
}

function unboundConfig(): string {
  return `server:
  interface: ${RESOLVER}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  pidfile: ""
  do-daemonize: no
  num-threads: 1
  use-syslog: no
  local-zone: "example.net." static
  local-data: "www.example.net. 60 IN A 192.0.2.80"
remote-control:
  control-enable: no
`;
}

const SOA =
  '@ 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5\n@ 30 IN NS ns.dns.cluster.local.\n';

function clusterZone(who: string): string {
  return `$ORIGIN cluster.local.
${SOA}ns.dns 30 IN A ${KUBE_DNS}
who.test 30 IN A ${who}
*.load 30 IN A ${who}
kubernetes.default.svc 30 IN A 10.96.0.1
web.default.svc 30 IN A 10.96.0.80
`;
}

function reverseZone(): string {
  return `$ORIGIN 10.in-addr.arpa.
${SOA}1.0.96 30 IN PTR kubernetes.default.svc.cluster.local.
`;
}
