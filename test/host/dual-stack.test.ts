import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Cluster,
  FROM_CACHE,
  FROM_KUBE_DNS,
  KUBE_DNS,
  LINK_LOCAL,
  WHO,
} from './harness/cluster.ts';
import { isUml, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';

/** The cluster's second family: kube-dns, the service behind it, and our own address. */
const KUBE_DNS_6 = 'fd00:10::a';
const KUBE_DNS_UPSTREAM_6 = 'fd00:10::b';
const LOCAL_6 = 'fd00:53::53';
const SERVER_6 = 'fd00:2::2';
const UPSTREAM_SERVER_6 = 'fd00:2::3';

const COREFILE = `cluster.local:53 {
    errors
    cache 30
    loop
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
    }
    prometheus :9253
    health [${LOCAL_6}]:8080
}
example.net:53 {
    errors
    bind __PILLAR__LOCAL__DNS__
    forward . [${UPSTREAM_SERVER_6}]:53
    prometheus [::1]:9254
}
.:5300 {
    prometheus :9253
    whoami
}
`;

let cluster: Cluster;
let daemon: Daemon;

beforeAll(async () => {
  cluster = await Cluster.create();
  addSecondFamily(cluster);
  await until('kube-dns answering over IPv6', () => cluster.who(KUBE_DNS_6) === FROM_KUBE_DNS);
});
afterAll(async () => {
  await cluster?.destroy();
});

/** Addresses, name servers and kube-proxy's rules for IPv6, beside those of the cluster. */
function addSecondFamily({ node, servers, iptables }: Cluster): void {
  node.ip('addr', 'add', 'fd00:2::1/64', 'dev', 'to-servers', 'nodad');
  for (const address of [SERVER_6, UPSTREAM_SERVER_6]) {
    servers.ip('addr', 'add', `${address}/64`, 'dev', 'eth0', 'nodad');
  }
  servers.ip('-6', 'route', 'add', 'default', 'via', 'fd00:2::1');
  node.ip('-6', 'route', 'add', 'default', 'via', SERVER_6);
  node.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  startNsd(servers, 'kube-dns-6', SERVER_6, FROM_KUBE_DNS);
  startNsd(servers, 'kube-dns-upstream-6', UPSTREAM_SERVER_6, FROM_CACHE);
  const rules = [
    [KUBE_DNS_6, SERVER_6],
    [KUBE_DNS_UPSTREAM_6, UPSTREAM_SERVER_6],
  ].flatMap(([service, server]) =>
    ['udp', 'tcp'].flatMap((protocol) =>
      ['PREROUTING', 'OUTPUT'].map(
        (chain) =>
          `-A ${chain} -d ${service}/128 -p ${protocol} --dport 53 -j DNAT --to-destination [${server}]:53`,
      ),
    ),
  );
  const file = node.file('kube-proxy-6.rules', `*nat\n${rules.join('\n')}\nCOMMIT\n`);
  node.run(`ip6tables-${iptables}-restore`, '--noflush', file);
}

function startNsd(servers: Cluster['servers'], name: string, address: string, who: string): void {
  const soa = '@ 30 IN SOA ns hostmaster 1 7200 1800 86400 5\n@ 30 IN NS ns\n';
  const zones = ['cluster.local', 'example.net'].map((zone) => {
    const text = `$ORIGIN ${zone}.\n${soa}ns 30 IN AAAA ${address}\nwho.test 30 IN A ${who}\n`;
    const file = servers.file(`${name}.${zone}.zone`, text);
    return `zone:\n  name: "${zone}"\n  zonefile: "${file}"\n`;
  });
  const paths = `  zonesdir: "${servers.folder}"\n  xfrdfile: "${servers.folder}/${name}.xfrd"\n  zonelistfile: "${servers.folder}/${name}.zones"\n`;
  const config = `server:\n  ip-address: ${address}\n  username: ""\n  database: ""\n  pidfile: ""\n${paths}remote-control:\n  control-enable: no\n`;
  servers.start(['nsd', '-d', '-c', servers.file(`${name}.conf`, config + zones.join(''))]);
}

function rules(family: '' | '6'): string[] {
  return cluster.node
    .run(`ip${family}tables-${cluster.iptables}-save`)
    .split('\n')
    .filter((line) => line.includes('NodeLocal DNS Cache'));
}

describe('one process with addresses of both families', () => {
  beforeAll(async () => {
    const addresses = [LINK_LOCAL, KUBE_DNS, LOCAL_6, KUBE_DNS_6];
    const flags = ['-localip', addresses.join(','), '-upstreamip', KUBE_DNS_UPSTREAM_6];
    daemon = Daemon.launch(cluster, flags, COREFILE);
    const isThere = () => addresses.every((address) => cluster.who(address) === FROM_CACHE);
    await until('the daemon answering the pod at all addresses', isThere).catch((cause) => {
      throw new Error(`${cause.message}\n${daemon.output}`);
    });
  });

  test.each([LINK_LOCAL, KUBE_DNS, LOCAL_6, KUBE_DNS_6])('answers at %s', (address) => {
    for (const transport of ['+notcp', '+tcp']) {
      expect(cluster.dig(cluster.pod, address, transport, WHO)).toBe(FROM_CACHE);
      expect(cluster.dig(cluster.node, address, transport, WHO)).toBe(FROM_CACHE);
    }
  });

  test('gives the interface the addresses of both, as a lease', () => {
    const shown = cluster.node.ip('addr', 'show', 'nodelocaldns');
    for (const address of [LINK_LOCAL, KUBE_DNS]) {
      expect(shown).toMatch(new RegExp(`inet ${address}/32 scope global dynamic nodelocaldns`));
    }
    for (const address of [LOCAL_6, KUBE_DNS_6]) {
      expect(shown).toMatch(new RegExp(`inet6 ${address}/128 scope global nodad dynamic`));
    }
  });

  test('installs twelve rules for each address, in the tables of its family', () => {
    expect(rules('')).toHaveLength(24);
    expect(rules('6')).toHaveLength(24);
    for (const address of [LOCAL_6, KUBE_DNS_6]) {
      expect(rules('6').filter((line) => line.includes(` ${address}/128 `))).toHaveLength(12);
    }
  });

  test('leaves nothing about the pod and DNS in connection tracking', () => {
    cluster.node.try('conntrack', '-F');
    for (const address of [KUBE_DNS, KUBE_DNS_6]) expect(cluster.who(address)).toBe(FROM_CACHE);
    for (const source of ['10.244.1.2', 'fd00:1::2']) {
      const family = source.includes(':') ? 'ipv6' : 'ipv4';
      const { stdout } = cluster.node.try('conntrack', '-L', '-f', family, '--src', source);
      expect(stdout.split('\n').filter((line) => line.includes('dport=53'))).toEqual([]);
    }
  });

  test.skipIf(isUml)('asks an upstream by its IPv6 address, over TCP and UDP', () => {
    const asked = (proto: string, to: string) =>
      daemon.metric('coredns_proxy_conn_cache_misses_total', `proto="${proto}"`, `to="${to}"`);
    expect(asked('tcp', `[${KUBE_DNS_UPSTREAM_6}]:53`)).toBeGreaterThan(0);
    expect(cluster.dig(cluster.pod, LOCAL_6, 'who.test.example.net')).toBe(FROM_CACHE);
    expect(asked('udp', `[${UPSTREAM_SERVER_6}]:53`)).toBeGreaterThan(0);
  });

  test.skipIf(isUml)('answers for health and metrics at bracketed addresses', () => {
    expect(cluster.node.run('curl', '-s', `http://[${LOCAL_6}]:8080/health`)).toBe('OK');
    expect(cluster.node.run('curl', '-s', 'http://[::1]:9254/metrics')).toContain('coredns_build');
  });

  test.skipIf(isUml)(
    'counts requests by the family of the client, also at the wildcard address',
    () => {
      const asked = (family: string, ...labels: string[]) =>
        daemon.metric('coredns_dns_requests_total', `family="${family}"`, ...labels) ?? 0;
      expect(asked('1', `server="dns://${KUBE_DNS}:53"`)).toBeGreaterThan(0);
      expect(asked('2', `server="dns://${KUBE_DNS}:53"`)).toBe(0);
      expect(asked('2', `server="dns://[${KUBE_DNS_6}]:53"`)).toBeGreaterThan(0);
      expect(asked('1', `server="dns://[${KUBE_DNS_6}]:53"`)).toBe(0);
      for (const [address, times] of [
        ['127.0.0.1', 1],
        ['::1', 2],
      ] as const) {
        for (let i = 0; i < times; i++)
          cluster.dig(cluster.node, address, '-p', '5300', 'a.example');
      }
      expect(asked('1', 'server="dns://:5300"')).toBe(1);
      expect(asked('2', 'server="dns://:5300"')).toBe(2);
    },
  );

  test('takes back addresses and rules of both families at its end', async () => {
    expect(await daemon.stop(), daemon.output).toBe(0);
    expect(rules(''), daemon.output).toEqual([]);
    expect(rules('6'), daemon.output).toEqual([]);
    await until('kube-dns answering again', () => cluster.who(KUBE_DNS_6) === FROM_KUBE_DNS);
    expect(cluster.who(KUBE_DNS)).toBe(FROM_KUBE_DNS);
  });
});
