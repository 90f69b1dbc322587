import { describe, expect, test } from 'vitest';
import { checkPod } from '../../../../src/cli/doctor/check-pod.ts';
import { checkRules } from '../../../../src/cli/doctor/check-rules.ts';
import type { Examination, Server } from '../../../../src/cli/doctor/examination.ts';
import { type Rule, rulesFor } from '../../../../src/host/rules.ts';
import { absent, done } from '../../host/fakes.ts';
import { examination, findings, LOCAL, SETUP } from './examination-fixture.ts';

const OURS = `nameserver ${LOCAL}\n`;
const POD = { pid: 11, resolvConf: OURS };
const OTHER_POD = { pid: 12, resolvConf: 'nameserver 192.0.2.1\n' };

/** Who was asked from where; 0 is the node itself. */
function listening(changes: Partial<Examination> = {}) {
  const asked: string[] = [];
  let at = 0;
  const node = examination({
    podProcesses: () => [OTHER_POD, POD],
    within: async (pid, work) => {
      at = pid;
      const result = await work();
      at = 0;
      return result;
    },
    ask: async ({ address, transport }: Server) => {
      asked.push(`${at} ${address} ${transport}`);
      return { rcode: 'NOERROR', tookMs: 1 };
    },
    ...changes,
  });
  return { node, asked };
}

describe('from a pod', () => {
  test('one that asks this cache is found, and asks from its own network', async () => {
    const { node, asked } = listening();
    expect(await findings(checkPod, node)).toEqual([
      `good: process 11 asks ${LOCAL} over UDP and is answered in 1 ms (NOERROR)`,
      `good: process 11 asks ${LOCAL} over TCP and is answered in 1 ms (NOERROR)`,
    ]);
    expect(asked).toEqual([`11 ${LOCAL} udp`, `11 ${LOCAL} tcp`]);
  });

  test('no answer is a fault', async () => {
    const { node } = listening({ ask: async () => ({ rcode: null, tookMs: 2000 }) });
    expect(await findings(checkPod, node)).toContain(
      `fault: process 11 asks ${LOCAL} over UDP in vain`,
    );
  });

  test('the one that is named is looked from, and its other servers are warned of', async () => {
    const { node, asked } = listening({ podPid: 12 });
    expect((await findings(checkPod, node))[0]).toBe(
      'warning: process 12 has 192.0.2.1 in its /etc/resolv.conf, none of this cache',
    );
    expect(asked).toEqual([`12 ${LOCAL} udp`, `12 ${LOCAL} tcp`]);
  });

  test('where others bring the traffic here, its own servers are asked', async () => {
    const setup = { ...SETUP, setupInterface: false };
    const { node, asked } = listening({ setup, podPid: 12 });
    await checkPod(node);
    expect(asked).toEqual(['12 192.0.2.1 udp', '12 192.0.2.1 tcp']);
  });

  test('what one name costs through its search list is worth a word', async () => {
    const search = 'search default.svc.cluster.local svc.cluster.local cluster.local eu.internal\n';
    const pod = { pid: 11, resolvConf: `${OURS}${search}options ndots:5 timeout:2\n` };
    const { node } = listening({ podProcesses: () => [pod] });
    expect((await findings(checkPod, node)).at(-1)).toBe(
      'note: process 11 has ndots:5 and 4 search domains: a name outside the cluster takes 4 questions in vain for each type',
    );
  });

  test.each<[string, Partial<Examination>, string]>([
    ['none in sight', { podProcesses: () => [] }, 'note: no pod is to be seen from here'],
    ['none of ours', { podProcesses: () => [OTHER_POD] }, 'note: no pod that can be seen'],
    ['not the named one', { podPid: 99 }, 'warning: there is no process 99 with a network'],
    [
      'no right',
      { within: () => Promise.reject(new Error('SYS_ADMIN is needed')) },
      'note: process 11 cannot be looked from: SYS_ADMIN is needed',
    ],
  ])('%s: that is said, and what to do', async (_what, changes, start) => {
    const { node } = listening(changes);
    const [finding] = await checkPod(node);
    expect(`${finding.level}: ${finding.text}`.slice(0, start.length)).toBe(start);
    expect(finding.advice).not.toBe('');
  });
});

/** As `nft -j list table` shows our rules, with 7 packets each. */
function nftJson(rules: readonly Rule[]): string {
  const listed = rules.map(({ table, chain, side, protocol, ip, port, onlyLocal }) => {
    const [address, door] = side === 'destination' ? ['daddr', 'dport'] : ['saddr', 'sport'];
    const match = (left: object, right: unknown) => ({ match: { op: '==', left, right } });
    const expr = [
      match({ payload: { protocol: 'ip', field: address } }, ip),
      match({ payload: { protocol, field: door } }, port),
      ...(onlyLocal ? [match({ fib: { result: 'type', flags: 'daddr' } }, 'local')] : []),
      { counter: { packets: 7, bytes: 700 } },
    ];
    return { rule: { chain: `${table}_${chain.toLowerCase()}`, expr } };
  });
  return JSON.stringify({ nftables: listed });
}

/** nftables with a table of ours that has these rules, beside those of others. */
function nftablesWith(rules: readonly Rule[]): Partial<Examination> {
  return {
    setup: { ...SETUP, rulesBackend: 'nftables' },
    run: async (file, args) => {
      if (file !== 'nft') return absent;
      if (args.join(' ') === 'list tables') {
        return done(
          'table ip kube-proxy\ntable inet nodelocaldns_other\ntable inet nodelocaldns_0a1f\n',
        );
      }
      return args.at(-1) === 'nodelocaldns_0a1f' ? done(nftJson(rules)) : absent;
    },
    state: null,
  };
}

const RULES = rulesFor(LOCAL, { dnsPort: 53, healthPort: 8080, leased: true });

describe('rules in nftables', () => {
  test('are looked at one by one, with what came in', async () => {
    expect(await findings(checkRules, examination(nftablesWith(RULES)))).toEqual([
      'note: nftables: chosen with -rules nftables',
      `good: all 12 for ${LOCAL} are in place; 35 packets came in`,
    ]);
  });

  test('that are missing are counted', async () => {
    const found = await findings(checkRules, examination(nftablesWith(RULES.slice(3))));
    expect(found[1]).toBe(`fault: 3 of 12 for ${LOCAL} are missing in nftables`);
  });

  test('that cannot be listed are warned of', async () => {
    const node = examination({ ...nftablesWith([]), run: async () => absent });
    expect((await findings(checkRules, node))[1]).toMatch(/^warning: cannot be listed/);
  });
});
