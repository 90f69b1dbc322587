/**
 * Rules in an nftables table of our own, for nodes without iptables or with kube-proxy in nftables
 * mode. Set as a whole in one transaction, both families in one `inet` table. Where kernel and nft
 * can, the table has an owner and dies with this process; two instances have a table each then.
 */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { CommandResult, CommandRunner } from './command.ts';
import { errorText } from './host-error.ts';
import type { RuleBackend, SyncOutcome } from './iptables-rules.ts';
import { type OwnedTable, ownTable, type TableOwner } from './owned-table.ts';
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
  /** The name of the table with an owner: nobody else's. */
  readonly #ownedName: string;
  readonly #run: CommandRunner;
  readonly #own: TableOwner;
  #owned: OwnedTable | null = null;
  #ownedRules = 0;
  /** Why the table has no owner; '' while it may have one. */
  #refusal = '';

  constructor(options: { interfaceName: string }, run: CommandRunner, own: TableOwner = ownTable) {
    const table = nftablesTable(options.interfaceName);
    this.#table = table;
    this.#ownedName = `${table}_${randomBytes(2).toString('hex')}`;
    this.#run = run;
    this.#own = own;
    this.targets = RULE_CHAINS.map((known) => ({
      kind: 'nft',
      family: NFPROTO_INET,
      table,
      chain: chainName(known.table, known.chain),
    }));
  }

  get note(): string {
    if (this.#owned !== null) return `table ${this.#ownedName}, which ends with this process`;
    return this.#refusal === '' ? '' : `table ${this.#table}, without an owner: ${this.#refusal}`;
  }

  get isLost(): boolean {
    return this.#owned?.isAlive === false;
  }

  covers(): boolean {
    return true;
  }

  async sync(wanted: readonly Rule[], isObsolete: (rule: Rule) => boolean): Promise<SyncOutcome> {
    if (wanted.length === 0) {
      const removed = await this.#disown();
      const outcome = await this.#syncPlain([], isObsolete);
      return outcome.status === 'in-place'
        ? { ...outcome, removed: outcome.removed + removed }
        : outcome;
    }
    if (this.#owned?.isAlive === true) return IN_PLACE;
    if (this.#refusal !== '' || !(await this.#makeOwned(wanted))) {
      return this.#syncPlain(wanted, isObsolete);
    }
    // What a predecessor without an owner left is not needed any more.
    await this.#syncPlain([], isObsolete);
    return { ...IN_PLACE, added: wanted.length };
  }

  /** False, with the reason noted, where kernel or nft refuse. */
  async #makeOwned(wanted: readonly Rule[]): Promise<boolean> {
    const script = tableScript(this.#ownedName, wanted, 'flags owner;');
    try {
      this.#owned = await this.#own(this.#ownedName, inOneLine(script));
      this.#ownedRules = wanted.length;
    } catch (cause) {
      this.#owned = null;
      this.#refusal = errorText(cause).split('\n')[0];
    }
    return this.#owned !== null;
  }

  async #disown(): Promise<number> {
    const owned = this.#owned;
    this.#owned = null;
    if (owned === null) return 0;
    await owned.remove();
    return this.#ownedRules;
  }

  /** The same in a table without an owner. */
  async #syncPlain(
    wanted: readonly Rule[],
    isObsolete: (rule: Rule) => boolean,
  ): Promise<SyncOutcome> {
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
    if (isRight) return IN_PLACE;
    // Adding before deleting makes the deletion right whether or not there was a table.
    const clear = `add table inet ${this.#table}\ndelete table inet ${this.#table}\n`;
    const script = wanted.length === 0 ? clear : clear + tableScript(this.#table, wanted);
    const result = await this.#nft(['-f', '-'], script);
    return result.status === 0
      ? { status: 'in-place', added, removed }
      : failure(result, added > 0);
  }

  #nft(args: string[], stdin = ''): Promise<CommandResult> {
    return this.#run('nft', args, { deadlineMs: DEADLINE_MS, stdin });
  }
}

const IN_PLACE = { status: 'in-place', added: 0, removed: 0 } as const;

/** What makes a table with these rules. */
function tableScript(name: string, rules: readonly Rule[], flags = ''): string {
  const chains = RULE_CHAINS.map(({ table, chain }) => {
    const own = rules.filter((rule) => rule.table === table && rule.chain === chain);
    const hook = `type filter hook ${chain.toLowerCase()} priority ${table}; policy accept;`;
    return `  chain ${chainName(table, chain)} {\n    ${hook}\n${own.map(ruleLine).join('')}  }\n`;
  });
  return `table inet ${name} {\n  ${flags} comment "${TABLE_COMMENT}"\n${chains.join('')}}\n`;
}

/** The same for nft at a prompt, where a line is a transaction. */
function inOneLine(script: string): string {
  return script.replaceAll('{\n', '{ ').replaceAll('\n', '; ');
}

/** The name of our table: the interface's, in the characters that nft takes without quotes. */
export function nftablesTable(interfaceName: string): string {
  const name = interfaceName.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^[a-zA-Z]/.test(name) ? name : `n${name}`;
}

/** Whether a table is one of ours for an interface, with an owner or without. */
export function isOurTable(table: string, interfaceName: string): boolean {
  const own = nftablesTable(interfaceName);
  return (
    table === own ||
    (table.startsWith(`${own}_`) && /^[0-9a-f]{4}$/.test(table.slice(own.length + 1)))
  );
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
  return `    ${family} ${address} ${rule.ip} ${rule.protocol} ${port} ${rule.port} ${local}counter ${action} comment "${ruleComment(rule)}"\n`;
}

// ------------------------------------------------------------------ reading `nft -j list table`

/** The parts of nft's JSON that we look at; every field may be missing. */
interface NftRule {
  readonly chain?: string;
  readonly expr?: readonly NftExpression[];
}
interface NftExpression {
  readonly counter?: { readonly packets?: number };
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

/** The rules of a listing with the packets that each has seen; those that we would not write are left out. */
export function readCountedRules(json: string): { rule: Rule; packets: number }[] {
  try {
    const { nftables } = JSON.parse(json) as { nftables: readonly { rule?: NftRule }[] };
    return nftables.flatMap(({ rule: listed }) => {
      const rule = listed === undefined ? null : readRule(listed);
      const packets = listed?.expr?.find(({ counter }) => counter)?.counter?.packets ?? 0;
      return rule === null ? [] : [{ rule, packets }];
    });
  } catch {
    return [];
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
