import { expect, test } from 'vitest';
import { checkConntrack, sumColumns } from '../../../../src/cli/doctor/check-conntrack.ts';
import { checkDaemon } from '../../../../src/cli/doctor/check-daemon.ts';
import { checkInterface } from '../../../../src/cli/doctor/check-interface.ts';
import {
  checkPath,
  checkSearchLists,
  checkTraffic,
} from '../../../../src/cli/doctor/check-path.ts';
import { checkPorts } from '../../../../src/cli/doctor/check-ports.ts';
import { checkRules } from '../../../../src/cli/doctor/check-rules.ts';
import { checkResolvConf, checkUpstreams } from '../../../../src/cli/doctor/check-upstreams.ts';
import type { Examination } from '../../../../src/cli/doctor/examination.ts';
import type { NodeState } from '../../../../src/control/protocol.ts';
import { ruleArguments, rulesFor } from '../../../../src/host/rules.ts';
import { absent, done } from '../../host/fakes.ts';
import { examination, findings, LOCAL, WELL } from './examination-fixture.ts';

test('a daemon that is not there is a fault, with what was tried', async () => {
  const node = examination({ state: null, stateError: 'no daemon runs' });
  expect(await findings(checkDaemon, node)).toEqual(['fault: no daemon runs']);
});

test('memory near its limit is warned of, complaints of the last minutes are repeated', async () => {
  const problem = { atMs: 900_000, level: 'error', plugin: 'forward', text: 'timeout', times: 3 };
  const old = { ...problem, atMs: 0 };
  const node = examination(
    { state: { ...WELL, problems: [problem, old] } },
    { '/sys/fs/cgroup/memory.max': `${64 * 2 ** 20}\n` },
  );
  expect(await findings(checkDaemon, node)).toEqual([
    'good: 1 runs as process 7 since 10 min',
    'warning: 60 of 64 MiB are in use',
    'note: 3 times: forward: timeout',
  ]);
});

test('no limit of memory is no reason for a warning', async () => {
  const node = examination({}, { '/sys/fs/cgroup/memory.max': 'max\n' });
  expect(await findings(checkDaemon, node)).toHaveLength(1);
});

test.each([
  ['no such interface', { addressesOf: async () => null }, 'fault: there is no interface'],
  ['an address is missing', { addressesOf: async () => [] }, `fault: "nodelocaldns" has not got`],
  ['nobody answers on it', { state: null }, `warning: "nodelocaldns" has ${LOCAL}, and no daemon`],
  ['all is well', {}, `good: "nodelocaldns" has ${LOCAL}, leased for 2 s`],
])('interface: %s', async (_what, changes, start) => {
  const [finding] = await findings(checkInterface, examination(changes));
  expect(finding.slice(0, start.length)).toBe(start);
});

test('interface: what happened to lease and addresses since the start is told', async () => {
  const leaseExpiries = { unanswered: 2, standstill: 1 };
  const counts = { ...WELL.counts, leaseExpiries, repairs: { address: 4, rules: 1 } };
  const found = await findings(checkInterface, examination({ state: { ...WELL, counts } }));
  expect(found.slice(1)).toEqual([
    expect.stringMatching(/^note: ended 3 times since the start: 2 times our listeners/),
    expect.stringMatching(/^note: others removed address \(4 times\), rules \(1 times\)/),
  ]);
});

/** iptables-nft with kube-proxy's chains and these rules of ours. */
function iptablesWith(rules: readonly string[]): Partial<Examination> {
  return {
    run: async (file, args) => {
      if (file !== 'iptables-nft-save') return absent;
      if (args.includes('mangle') || args.includes('nat')) return done(':KUBE-SERVICES - [0:0]\n');
      const table = args.at(-1);
      return done(
        rules
          .filter((line) => line.startsWith(`${table} `))
          .map((line) => line.slice(table!.length + 1))
          .join('\n'),
      );
    },
  };
}

const RULES = rulesFor(LOCAL, { dnsPort: 53, healthPort: 8080, leased: true }).map(
  (rule) => `${rule.table} [5:300] -A ${rule.chain} ${ruleArguments(rule)}`,
);

test('rules that are all there are good, with what came in', async () => {
  const found = await findings(checkRules, examination(iptablesWith(RULES)));
  // PREROUTING and OUTPUT, over UDP and TCP, and one for the health port.
  expect(found).toEqual([
    'note: iptables-nft: KUBE chains are in iptables-nft',
    `good: all 12 for ${LOCAL} are in place; 25 packets came in`,
  ]);
});

test('missing and doubled rules are counted', async () => {
  const missing = await findings(checkRules, examination(iptablesWith(RULES.slice(2))));
  expect(missing[1]).toBe(`fault: 2 of 12 for ${LOCAL} are missing in iptables`);
  const doubled = await findings(checkRules, examination(iptablesWith([...RULES, RULES[0]])));
  expect(doubled[2]).toMatch(/^note: 1 are there twice/);
});

test('another backend than kube-proxy’s is warned of', async () => {
  const interception = { ...WELL.interception, rulesBackend: 'iptables-legacy' };
  const node = examination({ ...iptablesWith(RULES), state: { ...WELL, interception } });
  expect((await findings(checkRules, node))[1]).toMatch(/^warning: .*iptables-legacy/);
});

test('conntrack: columns are hexadecimal and added up over processors', async () => {
  const text =
    'entries  drop early_drop insert_failed\n00000010 00000001 00000000 0000000a\n00000010 0000000f 00000000 00000000\n';
  expect(sumColumns(text)).toMatchObject({ drop: 16, early_drop: 0, insert_failed: 10 });
  const node = examination({}, { '/proc/net/stat/nf_conntrack': text });
  expect(await findings(checkConntrack, node)).toEqual([
    expect.stringMatching(/^warning: 16 packets or connections were dropped/),
    expect.stringMatching(/^note: 10 insertions failed/),
  ]);
});

test('conntrack: a table that is nearly full is warned of', async () => {
  const files = {
    '/proc/net/stat/nf_conntrack': 'entries drop\n0 0\n',
    '/proc/sys/net/netfilter/nf_conntrack_count': '95\n',
    '/proc/sys/net/netfilter/nf_conntrack_max': '100\n',
  };
  const found = await findings(checkConntrack, examination({}, files));
  expect(found).toEqual(['warning: the table holds 95 of 100 connections']);
});

/** /proc/net/udp with sockets at 169.254.20.10:53. */
const udpTable = (...inodes: number[]) =>
  [
    'head',
    ...inodes.map((inode) => `0: 0A14FEA9:0035 00000000:0000 07 0:0 0:0 0 0 0 ${inode} 2`),
  ].join('\n');

test('ports: one owner is good, two are worth a word, none is a fault', async () => {
  const owners = (ownerOf: Examination['ownerOf'], ...inodes: number[]) =>
    findings(checkPorts, examination({ ownerOf }, { '/proc/net/udp': udpTable(...inodes) }));
  expect(await owners(() => 'node (7)', 11)).toEqual([`good: ${LOCAL}:53 belongs to node (7)`]);
  expect(await owners((inode) => `p${inode}`, 11, 12)).toEqual([
    `note: ${LOCAL}:53 is shared by p11 and p12`,
  ]);
  expect(await owners(() => null)).toEqual([`fault: nobody listens on ${LOCAL}:53`]);
});

test('path: the zone of the cluster is asked for, and each transport counts', async () => {
  const asked: string[] = [];
  const ask: Examination['ask'] = async ({ transport }, name) => {
    asked.push(name);
    return { rcode: transport === 'udp' ? null : 'SERVFAIL', tookMs: 1 };
  };
  expect(await findings(checkPath, examination({ ask }))).toEqual([
    `fault: ${LOCAL} over UDP does not answer`,
    `fault: ${LOCAL} over TCP answers SERVFAIL for "cluster.local."`,
  ]);
  expect(asked).toEqual(['cluster.local.', 'cluster.local.']);
});

test('traffic: a daemon that nobody has asked for a minute is a warning', async () => {
  const listeners = [{ ...WELL.listeners[0], received: 0 }];
  const state = { ...WELL, listeners };
  expect(await findings(checkTraffic, examination({ state, stateLater: state }))).toEqual([
    'warning: no query has come in 10 min',
  ]);
  const later = {
    ...WELL,
    nowMs: 1_002_000,
    listeners: [{ ...WELL.listeners[0], received: 1100 }],
  };
  expect(await findings(checkTraffic, examination({ stateLater: later }))).toEqual([
    'good: 1,000 queries so far, 50 a second now',
  ]);
});

test('search lists: what they waste is worth a word when it is much', async () => {
  const wastedSearches = { 'cluster.local.': 300, 'svc.cluster.local.': 500 };
  const counts = { ...WELL.counts, rcodes: { NOERROR: 200, NXDOMAIN: 800 }, wastedSearches };
  const found = await findings(checkSearchLists, examination({ state: { ...WELL, counts } }));
  expect(found).toEqual([
    'note: 80 % of the queries ask for names that do not exist and end as a search list has it: svc.cluster.local. 50 %, cluster.local. 30 %',
  ]);
  const few = { ...counts, wastedSearches: { 'cluster.local.': 100 } };
  const usual = examination({ state: { ...WELL, counts: few } });
  expect(await findings(checkSearchLists, usual)).toEqual([]);
});

function withUpstreams(...to: string[]): NodeState {
  const upstreams = to.map((one) => ({
    ...{ to: one, health: 'well', roundTripMs: 1, sent: 1, overdue: 0, failedChecks: 0 },
  })) as NodeState['upstreams'];
  return { ...WELL, upstreams };
}

test('upstreams: what does not answer is a fault, a warning where others do', async () => {
  const silent = new Set(['10.0.0.1']);
  const ask: Examination['ask'] = async ({ address }) => ({
    rcode: silent.has(address) ? null : 'NOERROR',
    tookMs: 1,
  });
  const alone = examination({ ask, state: withUpstreams('10.0.0.1:53') });
  expect(await findings(checkUpstreams, alone)).toEqual(['fault: 10.0.0.1:53 does not answer']);
  const both = examination({ ask, state: withUpstreams('10.0.0.1:53', '[fd00::2]:53') });
  expect(await findings(checkUpstreams, both)).toEqual([
    'warning: 10.0.0.1:53 does not answer',
    'good: [fd00::2]:53 answers: UDP in 1 ms, TCP in 1 ms',
  ]);
});

test('upstreams: one that is there but has no Internet is not called dead', async () => {
  const node = examination({
    ask: async () => ({ rcode: null, tookMs: 2000 }),
    isAlive: async ({ transport }) => transport === 'udp',
    state: withUpstreams('10.0.0.1:53'),
  });
  expect(await findings(checkUpstreams, node)).toEqual([
    'warning: 10.0.0.1:53 does not answer over TCP',
  ]);
});

test('resolv.conf: a server that is this cache is warned of where the Corefile reads the file', async () => {
  const files = { '/etc/resolv.conf': `nameserver ${LOCAL}\nnameserver 10.0.0.2\n` };
  const text = `${LOCAL} in /etc/resolv.conf leads back to this cache`;
  expect(await findings(checkResolvConf, examination({}, files))).toEqual([
    `warning: ${text}; the daemon leaves it out`,
  ]);
  const corefile = { ...WELL.corefile, text: 'forward . 10.0.0.2' };
  const unused = examination({ state: { ...WELL, corefile } }, files);
  expect(await findings(checkResolvConf, unused)).toEqual([`note: ${text}`]);
});
