/**
 * Which of the kernel's rule sets to write to: the one that kubelet and kube-proxy use on this node,
 * because a rule in another one takes no part in the same decisions.
 */
import { readFileSync } from 'node:fs';
import { CAP_NET_RAW, hasCapability } from './capabilities.ts';
import type { CommandRunner } from './command.ts';
import { FAMILY_V4, type Family } from './ip.ts';
import { IptablesRules, type IptablesVariant, type RuleBackend } from './iptables-rules.ts';
import { NftablesRules } from './nftables-rules.ts';

/** The user's choice; `auto` looks for kube-proxy. */
export type RulesMode = 'auto' | 'iptables' | 'nftables';

export interface BackendOptions {
  readonly mode: RulesMode;
  readonly interfaceName: string;
  readonly families: readonly Family[];
  /** Looked for when not given. */
  readonly legacy?: LegacyFacts;
}

/** Where iptables-legacy stands here. */
export interface LegacyFacts {
  /** Some program has made tables with it. */
  readonly isInUse: boolean;
  /** It asks the kernel through a raw socket, for which this process needs NET_RAW. */
  readonly isAllowed: boolean;
}

/** The kernel's rule sets: two that iptables writes to, and tables of nft's own. */
type RuleSet = 'iptables-nft' | 'iptables-legacy' | 'nftables';

/** What was chosen. */
export interface BackendChoice {
  /** Null when nothing was. */
  readonly ruleSet: RuleSet | null;
  /** One per address family, or one for both. Empty when the node has neither tool. */
  readonly backends: readonly RuleBackend[];
  /** Why, for the log. */
  readonly reason: string;
  /** False while nothing of Kubernetes was seen: what it uses may show later. */
  readonly isFirm: boolean;
}

const DEADLINE_MS = 10_000;

/** Looks for kube-proxy's chains and for the tools. Never rejects. */
export async function chooseBackend(
  options: BackendOptions,
  run: CommandRunner,
): Promise<BackendChoice> {
  const nftables = (reason: string): BackendChoice => ({
    ruleSet: 'nftables',
    backends: [new NftablesRules(options, run)],
    reason,
    isFirm: true,
  });
  const iptables = (
    variant: IptablesVariant,
    isLegacy: boolean,
    reason: string,
  ): BackendChoice => ({
    ruleSet: isLegacy ? 'iptables-legacy' : 'iptables-nft',
    backends: options.families.map(
      (family) => new IptablesRules({ variant, isLegacy, isV4: family === FAMILY_V4 }, run),
    ),
    reason,
    isFirm: true,
  });
  if (options.mode === 'nftables') return nftables('chosen with -rules nftables');
  const programs = options.families.map((family) =>
    family === FAMILY_V4 ? 'iptables' : 'ip6tables',
  );
  const { nft, legacy } = await findKubeChains(programs, run);
  if (nft > 0 && nft >= legacy) return iptables('-nft', false, 'KUBE chains are in iptables-nft');
  const hasNft = async () =>
    (await run('nft', ['--version'], { deadlineMs: DEADLINE_MS })).status === 0;
  const canListTables = async () =>
    (await run('nft', ['list', 'tables'], { deadlineMs: DEADLINE_MS })).status === 0;
  const { isInUse, isAllowed } = options.legacy ?? legacyFacts();
  if (options.mode === 'auto' && isInUse && !isAllowed && (await canListTables())) {
    // The kernel runs both; what is not tracked by the one is not translated by the other.
    return nftables('iptables-legacy is in use, but wants NET_RAW');
  }
  if (legacy > 0) return iptables('-legacy', true, 'KUBE chains are in iptables-legacy');
  const proxyIsNative = options.mode === 'auto' && (await hasNativeProxy(run));
  if (proxyIsNative) return nftables('kube-proxy runs in nftables mode');
  const plain = await run('iptables', ['--version'], { deadlineMs: DEADLINE_MS });
  if (plain.status === 0) {
    const version = plain.stdout.trim();
    const reason = `no KUBE chains yet, using ${version}`;
    return { ...iptables('', !version.includes('nf_tables'), reason), isFirm: false };
  }
  if (options.mode === 'auto' && (await hasNft())) return nftables('there is no iptables');
  const reason = 'there is no iptables and no nft program';
  return { ruleSet: null, backends: [], reason, isFirm: false };
}

/**
 * The rule sets of iptables that were not chosen, where a predecessor with another iptables may have
 * left rules: one per address family. Whether the programs for them are there is not looked at.
 */
export function otherBackends(
  { ruleSet }: BackendChoice,
  families: readonly Family[],
  run: CommandRunner,
): readonly RuleBackend[] {
  return families.flatMap((family) => {
    const isV4 = family === FAMILY_V4;
    const backends: RuleBackend[] = [];
    if (ruleSet !== 'iptables-nft') {
      backends.push(new IptablesRules({ variant: '-nft', isLegacy: false, isV4 }, run));
    }
    const hasLegacy = hasLegacyTables(isV4 ? 'iptables' : 'ip6tables');
    // What is left there stays where it cannot be looked at: the reason of the choice says so.
    if (ruleSet !== 'iptables-legacy' && hasLegacy && hasCapability(CAP_NET_RAW)) {
      backends.push(new IptablesRules({ variant: '-legacy', isLegacy: true, isV4 }, run));
    }
    return backends;
  });
}

/** Every rule set that this node's tools can reach and that may hold rules. Never rejects. */
export async function allBackends(
  options: { readonly interfaceName: string },
  run: CommandRunner,
): Promise<readonly RuleBackend[]> {
  const isThere = async (program: string) =>
    (await run(program, ['--version'], { deadlineMs: DEADLINE_MS })).status === 0;
  const backends: RuleBackend[] = [];
  for (const program of ['iptables', 'ip6tables']) {
    const isV4 = program === 'iptables';
    const hasNft = await isThere(`${program}-nft`);
    const hasLegacy = hasLegacyTables(program) && (await isThere(`${program}-legacy`));
    if (hasNft) backends.push(new IptablesRules({ variant: '-nft', isLegacy: false, isV4 }, run));
    if (hasLegacy)
      backends.push(new IptablesRules({ variant: '-legacy', isLegacy: true, isV4 }, run));
    if (!hasNft && !hasLegacy && (await isThere(program)))
      backends.push(new IptablesRules({ variant: '', isLegacy: false, isV4 }, run));
  }
  if (await isThere('nft')) backends.push(new NftablesRules(options, run));
  return backends;
}

/**
 * How many KUBE chains either iptables shows. kubelet and kube-proxy mark what they use in the mangle
 * table, which is short; the nat table, which grows with the cluster's services, is read when both
 * or neither are marked.
 */
async function findKubeChains(
  programs: readonly string[],
  run: CommandRunner,
): Promise<{ nft: number; legacy: number }> {
  let [nft, legacy] = [0, 0];
  for (const table of ['mangle', 'nat']) {
    const counts = (['-nft', '-legacy'] as const).map((it) =>
      countKubeChains(programs, it, table, run),
    );
    const [inNft, inLegacy] = await Promise.all(counts);
    nft += inNft;
    legacy += inLegacy;
    if (nft > 0 !== legacy > 0) break;
  }
  return { nft, legacy };
}

/** How many KUBE chains a variant of iptables shows in a table, in the families of our addresses. */
async function countKubeChains(
  programs: readonly string[],
  variant: '-nft' | '-legacy',
  table: string,
  run: CommandRunner,
): Promise<number> {
  const listings = programs
    // Asking the legacy program loads its kernel modules, so ask only where they are in use.
    .filter((program) => variant === '-nft' || hasLegacyTables(program))
    .map((program) => run(`${program}${variant}-save`, ['-t', table], { deadlineMs: DEADLINE_MS }));
  const counts = (await Promise.all(listings)).map(
    ({ stdout }) => stdout.match(/^:KUBE-/gm)?.length ?? 0,
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function legacyFacts(): LegacyFacts {
  const isInUse = hasLegacyTables('iptables') || hasLegacyTables('ip6tables');
  return { isInUse, isAllowed: hasCapability(CAP_NET_RAW) };
}

function hasLegacyTables(program: string): boolean {
  try {
    const list = program === 'iptables' ? 'ip_tables_names' : 'ip6_tables_names';
    return readFileSync(`/proc/self/net/${list}`, 'utf8') !== '';
  } catch {
    return false;
  }
}

async function hasNativeProxy(run: CommandRunner): Promise<boolean> {
  const { stdout } = await run('nft', ['list', 'tables'], { deadlineMs: DEADLINE_MS });
  return /^table \w+ kube-proxy$/m.test(stdout);
}
