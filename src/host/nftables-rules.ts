/**
 * Rules in an nftables table of our own, for nodes without iptables or with kube-proxy in nftables
 * mode. Replaced as a whole in one transaction, both families in one `inet` table.
 */
import { isIP } from 'node:net';
import type { CommandResult, CommandRunner } from './command.ts';
import type { RuleBackend, SyncOutcome } from './iptables-rules.ts';
import { isRuleV4, RULE_CHAINS, type Rule, ruleComment, ruleKey, ruleTarget } from './rules.ts';
import type { WatchTarget } from './rules-watch.ts';

const DEADLINE_MS = 10_000;
/** The family of tables that see IPv4 and IPv6. */
const NFPROTO_INET = 1;
const TABLE_COMMENT = 'NodeLocal DNS Cache';

export class NftablesRules implements RuleBackend {
  readonly name = 'nftables';
  readonly targets: readonly WatchTarget[];
  /** `inet` table name: one per interface, so that two caches on a node do not share one. */
  readonly #table: string;
  readonly #run: CommandRunner;

  constructor(options: { interfaceName: string }, run: CommandRunner) {
    const table = nftablesTable(options.interfaceName);
    this.#table = table;
    this.#run = run;
    this.targets = RULE_CHAINS.map((known) => ({
      kind: 'nft',
      family: NFPROTO_INET,
      table,
      chain: chainName(known.table, known.chain),
    }));
  }

  covers(): boolean {
    return true;
  }

  async sync(wanted: readonly Rule[], isObsolete: (rule: Rule) => boolean): Promise<SyncOutcome> {
    const listed = await this.#nft(['-j', 'list', 'table', 'inet', this.#table]);
    if (listed.status === null) return failure(listed, wanted.length > 0);
    // An exit status other than zero is: no such table.
    const found = listed.status === 0 ? readTable(listed.stdout) : [];
    const foundKeys = new Set(found.map((rule) => (rule === null ? '' : ruleKey(rule))));
    const added = wanted.filter((rule) => !foundKeys.has(ruleKey(rule))).length;
    const removed = found.length - (wanted.length - added);
    const isRight =
      wanted.length > 0
        ? added + removed === 0
        : listed.status !== 0 || found.some((rule) => rule !== null && !isObsolete(rule));
    if (isRight) return { status: 'in-place', added: 0, removed: 0 };
    const result = await this.#nft(['-f', '-'], this.#script(wanted));
    return result.status === 0
      ? { status: 'in-place', added, removed }
      : failure(result, added > 0);
  }

  #nft(args: string[], stdin = ''): Promise<CommandResult> {
    return this.#run('nft', args, { deadlineMs: DEADLINE_MS, stdin });
  }

  #script(wanted: readonly Rule[]): string {
    // Adding before deleting makes the deletion right whether or not there was a table.
    const clear = `add table inet ${this.#table}\ndelete table inet ${this.#table}\n`;
    if (wanted.length === 0) return clear;
    const chains = RULE_CHAINS.map(({ table, chain }) => {
      const rules = wanted.filter((rule) => rule.table === table && rule.chain === chain);
      const hook = `type filter hook ${chain.toLowerCase()} priority ${table}; policy accept;`;
      return `  chain ${chainName(table, chain)} {\n    ${hook}\n${rules.map(ruleLine).join('')}  }\n`;
    });
    return `${clear}table inet ${this.#table} {\n  comment "${TABLE_COMMENT}"\n${chains.join('')}}\n`;
  }
}

/** The name of our table: the interface's, in the characters that nft takes without quotes. */
export function nftablesTable(interfaceName: string): string {
  const name = interfaceName.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^[a-zA-Z]/.test(name) ? name : `n${name}`;
}

/** The name of our chain for a table and chain of iptables. */
export function chainName(table: string, chain: string): string {
  return `${table}_${chain.toLowerCase()}`;
}

function ruleLine(rule: Rule): string {
  const [address, port] = rule.side === 'destination' ? ['daddr', 'dport'] : ['saddr', 'sport'];
  const family = isRuleV4(rule) ? 'ip' : 'ip6';
  const local = rule.onlyLocal ? 'fib daddr type local ' : '';
  const action = ruleTarget(rule) === 'NOTRACK' ? 'notrack' : 'accept';
  return `    ${family} ${address} ${rule.ip} ${rule.protocol} ${port} ${rule.port} ${local}${action} comment "${ruleComment(rule)}"\n`;
}

// ------------------------------------------------------------------ reading `nft -j list table`

/** The parts of nft's JSON that we look at; every field may be missing. */
interface NftRule {
  readonly chain?: string;
  readonly expr?: readonly NftExpression[];
}
interface NftExpression {
  readonly match?: {
    readonly left?: {
      readonly payload?: { readonly protocol?: string; readonly field?: string };
      readonly fib?: unknown;
    };
    readonly right?: unknown;
  };
}

/** The rules of a listing; null for one that we would not have written. */
function readTable(json: string): (Rule | null)[] {
  try {
    const { nftables } = JSON.parse(json) as { nftables: readonly { rule?: NftRule }[] };
    return nftables.flatMap(({ rule }) => (rule === undefined ? [] : [readRule(rule)]));
  } catch {
    return [null];
  }
}

function readRule(rule: NftRule): Rule | null {
  const place = RULE_CHAINS.find(({ table, chain }) => chainName(table, chain) === rule.chain);
  let [protocol, field, ip, port] = ['', '', '', Number.NaN];
  let onlyLocal = false;
  for (const { match } of rule.expr ?? []) {
    const { payload, fib } = match?.left ?? {};
    if (fib !== undefined) onlyLocal = true;
    if (payload?.field === 'daddr' || payload?.field === 'saddr') {
      field = payload.field;
      ip = String(match?.right);
    } else if (payload?.field === 'dport' || payload?.field === 'sport') {
      protocol = payload.protocol ?? '';
      port = Number(match?.right);
    }
  }
  if (place === undefined || isIP(ip) === 0 || (protocol !== 'tcp' && protocol !== 'udp'))
    return null;
  const side = field === 'daddr' ? 'destination' : 'source';
  return { ...place, protocol, side, ip, port, onlyLocal };
}

function failure(result: CommandResult, missing: boolean): SyncOutcome {
  return { status: 'failed', missing, message: result.stderr };
}
