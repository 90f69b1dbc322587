/** Commands on a node with an interface, rules and upstreams: what they say, and what they change. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, KUBE_DNS, LINK_LOCAL } from './harness/cluster.ts';
import { NODE, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';

const BUILT = new URL('../../dist/nodelocaldns.js', import.meta.url).pathname;
const LOCAL = ['-localip', `${LINK_LOCAL},${KUBE_DNS}`];

interface Finding {
  readonly subject: string;
  readonly level: string;
  readonly text: string;
  readonly advice: string;
}

let cluster: Cluster;
let daemon: Daemon | null = null;

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterEach(async () => {
  daemon?.kill();
  await daemon?.ended;
  daemon = null;
  command('cleanup', '--force');
});
afterAll(async () => {
  await cluster?.destroy();
});

function command(...words: string[]) {
  return cluster.node.try(NODE, BUILT, ...words);
}

function doctor(...words: string[]) {
  const { status, stdout } = command('doctor', '--json', ...words);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const about = (subject: string) => findings.filter((finding) => finding.subject === subject);
  const bad = findings.filter(({ level }) => level === 'fault' || level === 'warning');
  return { status, findings, about, bad };
}

test('doctor finds nothing wrong on a node where all is well', async () => {
  daemon = await Daemon.start(cluster);
  cluster.who();
  const { status, bad, about } = doctor();
  expect(bad).toEqual([]);
  expect(status).toBe(0);
  expect(about('interface')[0].text).toBe(
    `"nodelocaldns" has ${LINK_LOCAL}, ${KUBE_DNS}, leased for 2 s at a time`,
  );
  for (const { text } of about('rules')) {
    expect(text).toMatch(/^all 12 for [\d.]+ are in place; [1-9]\d* packets came in$/);
  }
  expect(about('backend')[0].text).toContain(`iptables-${cluster.iptables}`);
  expect(about('path')).toHaveLength(4);
});

test('doctor says that a service has no upstream any more, and what to do', async () => {
  daemon = await Daemon.start(cluster);
  cluster.servers.ip('link', 'set', 'eth0', 'down');
  try {
    const { status, about } = doctor();
    expect(status).toBe(2);
    const levels = about('upstream').map(({ level }) => level);
    expect(levels).not.toContain('good');
    expect(about('upstream')[0].advice).not.toBe('');
  } finally {
    cluster.servers.ip('link', 'set', 'eth0', 'up');
    cluster.servers.ip('route', 'replace', 'default', 'via', '10.244.2.1');
    await until('kube-dns', () => cluster.who() !== '');
  }
});

test('doctor says that a daemon is gone, what it left, and what to do; cleanup does it', async () => {
  daemon = await Daemon.start(cluster, ['-lease', '0']);
  daemon.kill();
  await daemon.ended;
  expect(cluster.who()).not.toBe(FROM_KUBE_DNS);
  const before = doctor(...LOCAL, '-lease', '0');
  expect(before.status).toBe(2);
  expect(before.about('daemon')[0].level).toBe('fault');
  expect(before.about('interface')[0].advice).toContain('cleanup');
  const { status, stdout } = command('cleanup');
  expect(stdout).toContain('removed 24 rules');
  expect(stdout).toContain('interface nodelocaldns: removed');
  expect(status).toBe(0);
  expect(cluster.ourRules()).toEqual([]);
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
  expect(doctor(...LOCAL).about('interface')[0].text).toContain('there is no interface');
});

test('doctor looks from the network of a pod that asks this cache', async () => {
  daemon = await Daemon.start(cluster);
  const pod = cluster.pod.start(['sleep', '60']);
  try {
    await until('the pod', () => doctor().about('pod').length > 1);
    const answered = new RegExp(`^process \\d+ asks ${KUBE_DNS} over (UDP|TCP) and is answered`);
    for (const { level, text } of doctor().about('pod')) {
      expect(level).toBe('good');
      expect(text).toMatch(answered);
    }
    // A policy that lets the pod's queries out nowhere.
    cluster.pod.run('nft', 'add', 'table', 'inet', 'blocked');
    const chain = '{ type filter hook output priority 0; policy accept; }';
    cluster.pod.run('nft', 'add', 'chain', 'inet', 'blocked', 'out', chain);
    cluster.pod.run('nft', 'add', 'rule', 'inet', 'blocked', 'out', 'udp', 'dport', '53', 'drop');
    const levels = doctor('--pod-pid', `${pod.child.pid}`).about('pod');
    expect(levels.map(({ level }) => level)).toEqual(['fault', 'good']);
  } finally {
    cluster.pod.try('nft', 'delete', 'table', 'inet', 'blocked');
    pod.child.kill('SIGKILL');
    await pod.ended;
  }
});

test('doctor counts what the rules in nftables have seen', async () => {
  daemon = await Daemon.start(cluster, ['-rules', 'nftables']);
  cluster.who();
  for (const { text } of doctor('-rules', 'nftables').about('rules')) {
    expect(text).toMatch(/^all 12 for [\d.]+ are in place; [1-9]\d* packets came in$/);
  }
});

test('the metrics say how the interception stands, and what was put back', async () => {
  daemon = await Daemon.start(cluster);
  const script = "fetch('http://127.0.0.1:9253/metrics').then(r => r.text()).then(console.log)";
  const scrape = () => cluster.node.run(NODE, '-e', script);
  const intercepting = 'nodelocaldns_interception_state{state="intercepting"} 1\n';
  await until('the interception', () => scrape().includes(intercepting));
  expect(scrape()).toContain('nodelocaldns_lease_held 1\n');
  cluster.node.ip('addr', 'flush', 'dev', 'nodelocaldns');
  await until('a repair', () => /_repairs_total{kind="address"} [1-9]/.test(scrape()));
  expect(command('status').stdout).toMatch(/^Put back {7}address \d+ times$/m);
  await until('a renewal', () => /_lease_renewals_total [1-9]/.test(scrape()));
  expect(scrape()).toContain('nodelocaldns_repairs_total{kind="interface"} 0\n');
});

test('cleanup leaves a daemon that serves alone', async () => {
  daemon = await Daemon.start(cluster);
  const { status, stderr } = command('cleanup');
  expect(status).toBe(2);
  expect(stderr).toContain(`${LINK_LOCAL} is served`);
  expect(cluster.who()).toBe(FROM_CACHE);
});

test('explain and status say which block, upstream and addresses are at work', async () => {
  daemon = await Daemon.start(cluster);
  const explained = command('explain', 'web.default.svc.cluster.local');
  expect(explained.stdout).toMatch(/^Block {6}cluster\.local\. at /m);
  expect(explained.stdout).toMatch(/^Upstream {3}10\.96\.0\.11:53 over tcp, .*NOERROR/m);
  expect(explained.stdout).toContain('10.96.0.80');
  const { stdout } = command('status');
  expect(stdout).toContain(`${LINK_LOCAL}, ${KUBE_DNS} on nodelocaldns, leased for 2 s`);
});

test('others than root are not let in', async () => {
  daemon = await Daemon.start(cluster);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status, stderr } = cluster.node.try(...nobody, NODE, BUILT, 'status');
  expect(status).toBe(1);
  expect(stderr).toContain('only root and its own user are let in');
});
