import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Cluster,
  FROM_CACHE,
  FROM_KUBE_DNS,
  KUBE_DNS,
  LINK_LOCAL,
  POD,
  WHO,
} from './harness/cluster.ts';
import { isUml, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';

let cluster: Cluster;
let muslClient: string;
let daemon: Daemon;

beforeAll(async () => {
  cluster = await Cluster.create();
  muslClient = join(cluster.pod.folder, 'musl-client');
  const source = new URL('harness/musl-client.c', import.meta.url).pathname;
  execFileSync('musl-gcc', ['-static', '-o', muslClient, source]);
});
afterAll(async () => {
  await cluster?.destroy();
});

/** Connection tracking's entries for DNS flows of the pod. */
function trackedFlows(): string[] {
  const { stdout } = cluster.node.try('conntrack', '-L', '--src', POD);
  return stdout.split('\n').filter((line) => line.includes('dport=53'));
}

function flushFlows(): void {
  cluster.node.try('conntrack', '-F');
}

describe('before the daemon runs', () => {
  test('the pod resolves through kube-dns, and its flows are tracked', () => {
    flushFlows();
    expect(cluster.who()).toBe(FROM_KUBE_DNS);
    expect(trackedFlows()).not.toEqual([]);
  });
});

describe('while the daemon runs', () => {
  beforeAll(async () => {
    daemon = await Daemon.start(cluster);
  });

  test('the same query is answered on the node, and counted', () => {
    const before = daemon.metric('coredns_cache_hits_total', `dns://${KUBE_DNS}:53`) ?? 0;
    expect(cluster.who()).toBe(FROM_CACHE);
    expect(cluster.who()).toBe(FROM_CACHE);
    const after = daemon.metric('coredns_cache_hits_total', `dns://${KUBE_DNS}:53`);
    expect(after).toBeGreaterThanOrEqual(before + 1);
  });

  test('connection tracking holds nothing about the pod and DNS', () => {
    flushFlows();
    expect(cluster.who()).toBe(FROM_CACHE);
    expect(cluster.dig(cluster.pod, KUBE_DNS, '+tcp', WHO)).toBe(FROM_CACHE);
    expect(trackedFlows()).toEqual([]);
  });

  test('cluster names go to kube-dns-upstream over TCP', () => {
    const asked = () => daemon.metric('coredns_proxy_conn_cache_misses_total', 'proto="tcp"') ?? 0;
    expect(cluster.dig(cluster.pod, KUBE_DNS, 'web.default.svc.cluster.local')).toBe('10.96.0.80');
    expect(asked()).toBeGreaterThan(0);
    const { stdout } = cluster.node.try('conntrack', '-L', '-p', 'tcp', '--orig-dst', '10.96.0.11');
    expect(stdout).toContain('dport=53');
  });

  test('other names go to the servers of resolv.conf', () => {
    expect(cluster.dig(cluster.pod, KUBE_DNS, 'www.example.net')).toBe('192.0.2.80');
    expect(cluster.dig(cluster.pod, LINK_LOCAL, '+tcp', 'www.example.net')).toBe('192.0.2.80');
  });

  test('addresses are found backwards', () => {
    const name = cluster.dig(cluster.pod, LINK_LOCAL, '-x', '10.96.0.1');
    expect(name).toBe('kubernetes.default.svc.cluster.local.');
  });

  test('a process on the node itself is answered by the cache', () => {
    expect(cluster.dig(cluster.node, KUBE_DNS, WHO)).toBe(FROM_CACHE);
    expect(cluster.dig(cluster.node, LINK_LOCAL, '+tcp', WHO)).toBe(FROM_CACHE);
  });

  test('glibc resolves names of the search list', () => {
    const { stdout } = cluster.pod.try('getent', 'ahostsv4', 'web');
    expect(stdout).toMatch(/^10\.96\.0\.80 +STREAM/);
  });

  test('a static musl program resolves names of the search list', () => {
    expect(cluster.pod.run(muslClient, 'web')).toBe('10.96.0.80\n');
  });

  test('the interface looks as the original makes it', () => {
    const shown = cluster.node.ip('addr', 'show', 'nodelocaldns');
    expect(shown).toMatch(/nodelocaldns: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN/);
    expect(shown).toMatch(/inet 169\.254\.20\.10\/32 scope global dynamic nodelocaldns\n/);
    expect(shown).toMatch(/inet 10\.96\.0\.10\/32 scope global dynamic nodelocaldns\n/);
  });

  test('iptables-save shows 12 rules per address with the original comments', () => {
    const rules = cluster.ourRules();
    expect(rules).toHaveLength(24);
    for (const ip of [LINK_LOCAL, KUBE_DNS]) {
      expect(rules).toContain(
        `-A PREROUTING -d ${ip}/32 -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK`,
      );
      expect(rules).toContain(
        `-A OUTPUT -s ${ip}/32 -p tcp -m tcp --sport 8080 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK`,
      );
      expect(rules).toContain(
        `-A OUTPUT -s ${ip}/32 -p udp -m udp --sport 53 -m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT`,
      );
    }
  });

  test('no setup error is counted, and each kind has its line', () => {
    for (const kind of [
      'iptables',
      'iptables_lock',
      'interface_add',
      'interface_check',
      'configmap',
    ]) {
      const label = `errortype="${kind}"`;
      expect([kind, daemon.metric('coredns_nodecache_setup_errors_total', label)]).toEqual([
        kind,
        0,
      ]);
    }
  });

  test('the liveness probe is answered', () => {
    const url = `http://${LINK_LOCAL}:8080/health`;
    expect(cluster.node.run('curl', '-s', url)).toBe('OK');
  });
});

// In that kernel repair-under-load.test.ts shows the same.
describe.skipIf(isUml)('someone else', () => {
  const hasAddresses = () => {
    const { stdout } = cluster.node.try('ip', 'addr', 'show', 'nodelocaldns');
    return stdout.includes(LINK_LOCAL) && stdout.includes(KUBE_DNS);
  };

  test('flushes the addresses: they come back', async () => {
    cluster.node.ip('addr', 'flush', 'dev', 'nodelocaldns');
    await until('the addresses', hasAddresses);
  });

  test('deletes the interface: it comes back', async () => {
    cluster.node.ip('link', 'del', 'nodelocaldns');
    await until('the interface', hasAddresses);
    expect(cluster.who()).toBe(FROM_CACHE);
  });

  test('flushes the raw table: the rules come back', async () => {
    cluster.node.run(`iptables-${cluster.iptables}`, '-t', 'raw', '-F');
    await until('the rules', () => cluster.ourRules().length === 24);
  });
});

describe('after kill -9', () => {
  test('kube-dns answers the pod when the lease has ended', async () => {
    expect(cluster.who()).toBe(FROM_CACHE);
    daemon.signal('SIGKILL');
    await until('kube-dns answering', () => cluster.who() === FROM_KUBE_DNS);
    expect(cluster.ourRules()).toHaveLength(24);
  });

  test('a new start takes over what was left', async () => {
    daemon = await Daemon.start(cluster);
    expect(cluster.ourRules()).toHaveLength(24);
  });
});

describe('after SIGTERM', () => {
  test('the daemon ends with 0, and leaves neither interface nor rules', async () => {
    expect(await daemon.stop(), daemon.output).toBe(0);
    expect(cluster.node.try('ip', 'link', 'show', 'nodelocaldns').status).not.toBe(0);
    expect(cluster.ourRules()).toEqual([]);
  });

  test('the pod resolves through kube-dns again', () => {
    expect(cluster.who()).toBe(FROM_KUBE_DNS);
  });
});
