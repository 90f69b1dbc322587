/** Interface, addresses and rules under other people's hands, and tools that misbehave. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, KUBE_DNS, LINK_LOCAL } from './harness/cluster.ts';
import { isUml, LEASE_MS, slowness, until } from './harness/command.ts';
import { launchDriver, startDriver, startIntercepting, stopDriver } from './harness/host-driver.ts';
import type { Running } from './harness/namespace.ts';

/** What this kernel can make. */
const PLAIN_KIND = isUml ? 'dummy' : 'ifb';

let cluster: Cluster;
let driver: Running;

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterEach(async () => {
  driver.child.kill('SIGKILL');
  await driver.ended;
  cluster.node.try('ip', 'link', 'del', 'nodelocaldns');
});
afterAll(async () => {
  await cluster?.destroy();
});

const iptables = (...args: string[]) => cluster.node.run(`iptables-${cluster.iptables}`, ...args);

describe('someone else', () => {
  test('doubles a rule: one of them goes', async () => {
    driver = await startIntercepting(cluster);
    // The filter table's may come first.
    const rule = cluster.ourRules().find((line) => line.includes('PREROUTING'));
    const script = cluster.node.file('double', `*raw\n${rule}\n${rule}\nCOMMIT\n`);
    cluster.node.run(`iptables-${cluster.iptables}-restore`, '--noflush', script);
    expect(cluster.ourRules()).toHaveLength(26);
    await until('one of each rule', () => cluster.ourRules().length === 24);
    expect(new Set(cluster.ourRules()).size).toBe(24);
  });
});

describe('a killed predecessor', () => {
  test('left the original rules and addresses: they are replaced by leased ones', async () => {
    cluster.node.ip('link', 'add', 'nodelocaldns', 'type', PLAIN_KIND);
    cluster.node.ip('link', 'set', 'nodelocaldns', 'alias', 'NodeLocal DNS Cache');
    for (const ip of [KUBE_DNS, '169.254.20.99'])
      cluster.node.ip('addr', 'add', `${ip}/32`, 'dev', 'nodelocaldns');
    for (const ip of [KUBE_DNS, '169.254.20.99']) {
      const match = ['-t', 'raw', '-I', 'PREROUTING', '-p', 'udp', '-d', ip, '--dport', '53'];
      const target = [
        '-j',
        'NOTRACK',
        '-m',
        'comment',
        '--comment',
        'NodeLocal DNS Cache: skip conntrack',
      ];
      iptables(...match, ...target);
    }
    expect(cluster.who()).not.toBe(FROM_KUBE_DNS);
    driver = await startIntercepting(cluster);
    expect(cluster.who()).toBe(FROM_CACHE);
    const rules = cluster.ourRules();
    expect(rules).toHaveLength(24);
    expect(
      rules.filter((rule) => rule.includes('PREROUTING')).every((rule) => rule.includes('LOCAL')),
    ).toBe(true);
    expect(cluster.node.ip('addr', 'show', 'nodelocaldns')).not.toContain('169.254.20.99');
    expect(cluster.node.ip('addr', 'show', 'nodelocaldns')).not.toContain('forever');
  });

  test.skipIf(isUml)('left rules in the iptables that is not used: they go too', async () => {
    const other = cluster.iptables === 'nft' ? 'legacy' : 'nft';
    const rule = ['PREROUTING', '-p', 'udp', '-d', KUBE_DNS, '--dport', '53', '-j', 'NOTRACK'];
    const comment = ['-m', 'comment', '--comment', 'NodeLocal DNS Cache: skip conntrack'];
    cluster.node.run(`iptables-${other}`, '-t', 'raw', '-I', ...rule, ...comment);
    driver = await startIntercepting(cluster);
    const left = () => cluster.node.run(`iptables-${other}-save`).includes('NodeLocal');
    await until('the end of the old rule', () => !left());
    await until('the log', () =>
      driver.output().includes(`Removed 1 rules of a predecessor with iptables-${other}`),
    );
    expect(cluster.ourRules()).toHaveLength(24);
    expect(cluster.who()).toBe(FROM_CACHE);
  });

  test('left our own rules: nothing is doubled, and all of it goes in the end', async () => {
    driver = await startIntercepting(cluster);
    driver.child.kill('SIGKILL');
    await driver.ended;
    driver = await startIntercepting(cluster);
    expect(cluster.ourRules()).toHaveLength(24);
    await stopDriver(driver);
    expect(cluster.ourRules()).toEqual([]);
  });
});

test.skipIf(isUml)(
  'an instance that stops leaves interface and rules to one that lives',
  async () => {
    const first = await startIntercepting(cluster);
    driver = await startIntercepting(cluster);
    expect(await stopDriver(first)).toContain('Another instance serves');
    expect(cluster.ourRules()).toHaveLength(24);
    await sleep(LEASE_MS + 500);
    expect(cluster.who()).toBe(FROM_CACHE);
    await stopDriver(driver);
    expect(cluster.ourRules()).toEqual([]);
  },
);

test('without a lease addresses and rules are the original ones', async () => {
  driver = await startIntercepting(cluster, { leaseMs: 0 });
  expect(cluster.node.ip('addr', 'show', 'nodelocaldns').match(/valid_lft forever/g)).toHaveLength(
    2,
  );
  expect(cluster.ourRules().some((rule) => rule.includes('addrtype'))).toBe(false);
  await stopDriver(driver);
  expect(cluster.ourRules()).toEqual([]);
});

test.skipIf(isUml)('IPv4 and IPv6 are kept by one process', async () => {
  driver = await startIntercepting(cluster, { localIps: [LINK_LOCAL, 'fd00:10::a'] });
  const rules = cluster.node.run(`ip6tables-${cluster.iptables}-save`);
  expect(rules.match(/NodeLocal DNS Cache/g)).toHaveLength(12);
  expect(cluster.ourRules()).toHaveLength(12);
  expect(cluster.dig(cluster.pod, 'fd00:10::a', 'any.example')).toBe(FROM_CACHE);
  await stopDriver(driver);
  expect(cluster.node.run(`ip6tables-${cluster.iptables}-save`)).not.toContain('NodeLocal');
});

describe('iptables that misbehaves', () => {
  test('the lock is held: DNS is served, it is counted, and rules come when it is free', async () => {
    const legacy = cluster.iptables === 'legacy' ? cluster : await Cluster.create('legacy');
    try {
      const lock = legacy.node.file('xtables.lock', '');
      const holder = legacy.node.start(['flock', lock, 'sleep', `${7 * slowness}`]);
      driver = await startDriver(legacy, {}, { XTABLES_LOCKFILE: lock });
      expect(legacy.who(LINK_LOCAL)).toBe(FROM_CACHE);
      // Without its rules a service's address stays with kube-dns.
      expect(legacy.who()).toBe(FROM_KUBE_DNS);
      await holder.ended;
      await until('the rules', () => legacy.ourRules().length === 24);
      await until('the cache answering', () => legacy.who() === FROM_CACHE);
      const said = await stopDriver(driver);
      expect(said).toMatch(/"iptablesLock":[1-9]/);
      expect(said).toContain('iptables-legacy: KUBE chains are in iptables-legacy');
    } finally {
      if (legacy !== cluster) await legacy.destroy();
    }
  });

  test.skipIf(isUml)('restoring fails: it is counted and tried again', async () => {
    const program = `iptables-${cluster.iptables}-restore`;
    const folder = join(cluster.node.folder, 'broken');
    mkdirSync(folder);
    writeFileSync(join(folder, program), '#!/bin/sh\necho broken >&2; exit 1\n');
    chmodSync(join(folder, program), 0o755);
    driver = await startDriver(cluster, {}, { PATH: `${folder}:${process.env.PATH}` });
    expect(cluster.who(LINK_LOCAL)).toBe(FROM_CACHE);
    expect(cluster.who()).toBe(FROM_KUBE_DNS);
    writeFileSync(join(folder, program), `#!/bin/sh\nexec /usr/sbin/${program} "$@"\n`);
    await until('the cache answering', () => cluster.who() === FROM_CACHE);
    expect(await stopDriver(driver)).toMatch(
      /setting rules with iptables-\w+: broken; trying again[\s\S]*"iptables":[1-9]/,
    );
  });
});

describe('conflicts at the start', () => {
  /** What a start that is refused says. */
  async function refusal(...args: Parameters<typeof launchDriver>): Promise<string> {
    driver = launchDriver(...args);
    expect(await driver.ended).toBe(1);
    return driver.output();
  }

  test('an interface of our name and another kind is named, and left alone', async () => {
    cluster.node.ip('link', 'add', 'nodelocaldns', 'type', 'veth', 'peer', 'other-end');
    expect(await refusal(cluster)).toMatch(
      /refused interface-kind .*"nodelocaldns" exists and is a device of kind "veth".*-interfacename/,
    );
    expect(cluster.node.ip('link', 'show', 'nodelocaldns')).toContain('nodelocaldns');
  });

  test('IPVS that owns the address is named', async () => {
    cluster.node.ip('link', 'add', 'kube-ipvs0', 'type', PLAIN_KIND);
    cluster.node.ip('addr', 'add', `${KUBE_DNS}/32`, 'dev', 'kube-ipvs0');
    try {
      expect(await refusal(cluster)).toMatch(/refused ipvs .*IPVS.*10\.96\.0\.10.*-localip/);
      expect(cluster.node.try('ip', 'link', 'show', 'nodelocaldns').status).not.toBe(0);
      driver = await startIntercepting(cluster, { localIps: [LINK_LOCAL] });
      expect(cluster.who(LINK_LOCAL)).toBe(FROM_CACHE);
    } finally {
      cluster.node.ip('link', 'del', 'kube-ipvs0');
    }
  });

  test.skipIf(isUml)('a missing NET_ADMIN is named', async () => {
    const without = ['setpriv', '--bounding-set', '-net_admin'];
    expect(await refusal(cluster, {}, {}, without)).toMatch(
      /refused net-admin .*NET_ADMIN.*securityContext/,
    );
  });
});
