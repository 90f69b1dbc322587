import { expect, test } from 'vitest';
import {
  chooseBackend,
  type LegacyFacts,
  otherBackends,
  type RulesMode,
} from '../../../src/host/backend.ts';
import type { CommandResult } from '../../../src/host/command.ts';
import { FAMILY_V4, FAMILY_V6 } from '../../../src/host/ip.ts';
import { absent, done } from './fakes.ts';

/** Answers by command line, the program's name first; everything else is not there. */
function choose(
  answers: Record<string, string>,
  mode: RulesMode = 'auto',
  legacy: LegacyFacts = { isInUse: false, isAllowed: true },
) {
  const run = async (file: string, args: readonly string[]): Promise<CommandResult> => {
    const answer = answers[`${file} ${args.join(' ')}`];
    return answer === undefined ? absent : done(answer);
  };
  const families = [FAMILY_V4, FAMILY_V6] as const;
  return chooseBackend({ mode, interfaceName: 'nodelocaldns', families, legacy }, run);
}

const names = ({ backends }: { backends: readonly { name: string }[] }) =>
  backends.map(({ name }) => name);

const KUBE = '*mangle\n:PREROUTING ACCEPT [0:0]\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n';
const VERSION = { 'iptables --version': 'iptables v1.8.9 (nf_tables)\n' };

test('the variant that shows chains of Kubernetes is chosen', async () => {
  const choice = await choose({ 'iptables-nft-save -t mangle': KUBE, ...VERSION });
  expect(names(choice)).toEqual(['iptables-nft', 'ip6tables-nft']);
  expect(choice.reason).toContain('KUBE chains are in iptables-nft');
});

test('chains in ip6tables alone will do', async () => {
  expect(names(await choose({ 'ip6tables-nft-save -t mangle': KUBE, ...VERSION }))).toContain(
    'iptables-nft',
  );
});

test('kube-proxy in nftables mode is followed', async () => {
  const choice = await choose({ 'nft list tables': 'table ip kube-proxy\n', ...VERSION });
  expect(names(choice)).toEqual(['nftables']);
});

test('without a trace of Kubernetes the plain iptables is used', async () => {
  expect(names(await choose(VERSION))).toEqual(['iptables', 'ip6tables']);
});

test.each([
  ['without NET_RAW', { isInUse: true, isAllowed: false }, 'auto', ['nftables']],
  ['with it', { isInUse: true, isAllowed: true }, 'auto', ['iptables', 'ip6tables']],
  [
    'without, asked for',
    { isInUse: true, isAllowed: false },
    'iptables',
    ['iptables', 'ip6tables'],
  ],
  ['without, unused', { isInUse: false, isAllowed: false }, 'auto', ['iptables', 'ip6tables']],
] as const)('beside iptables-legacy, %s', async (_, legacy, mode, expected) => {
  const answers = { 'nft list tables': '', ...VERSION };
  expect(names(await choose(answers, mode, legacy))).toEqual(expected);
});

test('chains in iptables-nft are followed whatever iptables-legacy wants', async () => {
  const answers = { 'iptables-nft-save -t mangle': KUBE, 'nft list tables': '' };
  const choice = await choose(answers, 'auto', { isInUse: true, isAllowed: false });
  expect(names(choice)).toContain('iptables-nft');
});

test('where there is no iptables, nftables is used, unless iptables was asked for', async () => {
  const onlyNft = { 'nft --version': 'nftables v1.0.6\n' };
  expect(names(await choose(onlyNft))).toEqual(['nftables']);
  expect(names(await choose(onlyNft, 'iptables'))).toEqual([]);
});

test('where there is nothing, nothing is chosen, and the reason says so', async () => {
  const choice = await choose({});
  expect(choice.backends).toEqual([]);
  expect(choice.reason).toContain('no iptables');
});

test('the user decides', async () => {
  expect(names(await choose({ 'iptables-nft-save -t mangle': KUBE }, 'nftables'))).toEqual([
    'nftables',
  ]);
  const native = { 'nft list tables': 'table ip kube-proxy\n', ...VERSION };
  expect(names(await choose(native, 'iptables'))).toEqual(['iptables', 'ip6tables']);
});

test('a legacy iptables is watched as such', async () => {
  const { backends } = await choose({ 'iptables --version': 'iptables v1.8.9 (legacy)\n' });
  expect(backends[0].targets.map(({ kind }) => kind)).toEqual(['legacy', 'legacy']);
});

test('the other iptables is where a predecessor may have left rules; ours is not', async () => {
  const run = async () => absent;
  const others = (choice: Awaited<ReturnType<typeof choose>>) =>
    otherBackends(choice, [FAMILY_V4], run).map(({ name }) => name);
  const ofNft = others(await choose({ 'iptables-nft-save -t mangle': KUBE }));
  expect(ofNft).not.toContain('iptables-nft');
  const ofLegacy = others(await choose({ 'iptables --version': 'iptables v1.8.9 (legacy)\n' }));
  expect(ofLegacy).toEqual(['iptables-nft']);
  expect(others(await choose({}, 'nftables'))).toContain('iptables-nft');
});
