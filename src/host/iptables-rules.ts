/** Rules through iptables-save and iptables-restore: one listing and one transaction per family. */
import type { CommandResult, CommandRunner } from './command.ts';
import { FAMILY_V4, FAMILY_V6, familyOf } from './ip.ts';
import { isRuleV4, parseRule, RULE_CHAINS, type Rule, ruleArguments, ruleKey } from './rules.ts';
import type { WatchTarget } from './rules-watch.ts';

/** How a comparison of the kernel's rules with the wanted ones ended. */
export type SyncOutcome =
  | {
      readonly status: 'in-place';
      readonly added: number;
      readonly removed: number;
    }
  | {
      /** `locked`: someone else held the xtables lock all the while. */
      readonly status: 'locked' | 'failed';
      /** Whether wanted rules are known to be missing now. */
      readonly missing: boolean;
      readonly message: string;
    };

/** Someone who can bring the kernel's rules into the wanted form. */
export interface RuleBackend {
  /** For the log. */
  readonly name: string;
  /** What else the log should say of the rules that were added; '' or nothing: no more. */
  readonly note?: string;
  /** Whether its rules are known to be gone; the kernel does not tell of all that goes. */
  readonly isLost?: boolean;
  /** Where in the kernel its rules stand. */
  readonly targets: readonly WatchTarget[];
  /** Whether rules for this address are its business. */
  covers(ip: string): boolean;
  /**
   * Makes the kernel hold each wanted rule once, and none of the others that `isObsolete` names.
   * Never rejects.
   */
  sync(wanted: readonly Rule[], isObsolete: (rule: Rule) => boolean): Promise<SyncOutcome>;
}

/** Which of the installed programs to use: `iptables`, `iptables-nft` or `iptables-legacy`. */
export type IptablesVariant = '' | '-nft' | '-legacy';

const LIST_DEADLINE_MS = 10_000;
/** How long iptables-restore waits for the xtables lock. */
const LOCK_WAIT_SECONDS = 5;
const RESTORE_DEADLINE_MS = 10_000;
const TABLES = ['raw', 'filter'] as const;

/** A rule found in the kernel, and the line that iptables-save gave for it. */
interface FoundRule {
  readonly rule: Rule;
  readonly key: string;
  readonly line: string;
}

export interface IptablesOptions {
  readonly variant: IptablesVariant;
  /** Whether the variant writes to the kernel's old tables. */
  readonly isLegacy: boolean;
  readonly isV4: boolean;
}

export class IptablesRules implements RuleBackend {
  readonly name: string;
  readonly targets: readonly WatchTarget[];
  readonly #program: string;
  readonly #variant: IptablesVariant;
  readonly #isV4: boolean;
  readonly #run: CommandRunner;

  constructor({ variant, isLegacy, isV4 }: IptablesOptions, run: CommandRunner) {
    this.#program = isV4 ? 'iptables' : 'ip6tables';
    this.#variant = variant;
    this.#isV4 = isV4;
    this.#run = run;
    this.name = `${this.#program}${variant}`;
    const family = isV4 ? FAMILY_V4 : FAMILY_V6;
    this.targets = isLegacy
      ? TABLES.map((table) => ({ kind: 'legacy', isV4, table }))
      : RULE_CHAINS.map(({ table, chain }) => ({ kind: 'nft', family, table, chain }));
  }

  covers(ip: string): boolean {
    return (familyOf(ip) === FAMILY_V4) === this.#isV4;
  }

  async sync(wanted: readonly Rule[], isObsolete: (rule: Rule) => boolean): Promise<SyncOutcome> {
    const rules = wanted.filter((rule) => isRuleV4(rule) === this.#isV4);
    const listings = await Promise.all(TABLES.map((table) => this.#list(table)));
    const unlisted = listings.find(({ status }) => status !== 0);
    if (unlisted !== undefined) return failure(unlisted.stderr, false);
    const found = TABLES.flatMap((table, i) => readListing(table, listings[i].stdout));
    const script = new RestoreScript();
    const added = addMissing(script, rules, found);
    const removed = removeSurplus(script, rules, found, isObsolete);
    if (added + removed === 0) return { status: 'in-place', added, removed };
    const result = await this.#run(
      `${this.#program}${this.#variant}-restore`,
      ['--noflush', '-w', String(LOCK_WAIT_SECONDS)],
      { deadlineMs: RESTORE_DEADLINE_MS, stdin: script.text() },
    );
    return result.status === 0
      ? { status: 'in-place', added, removed }
      : failure(result.stderr, added > 0);
  }

  #list(table: Rule['table']): Promise<CommandResult> {
    return this.#run(`${this.#program}${this.#variant}-save`, ['-t', table], {
      deadlineMs: LIST_DEADLINE_MS,
    });
  }
}

/** What iptables-restore reads: all changes to a table are made in one step. */
class RestoreScript {
  /** BOUNDED by the rules wanted and found. */
  readonly #lines = { raw: [] as string[], filter: [] as string[] };

  add(table: Rule['table'], line: string): void {
    this.#lines[table].push(line);
  }

  text(): string {
    // The built-in chains are not declared: that would reset their policy.
    return TABLES.filter((table) => this.#lines[table].length > 0)
      .map((table) => `*${table}\n${this.#lines[table].join('\n')}\nCOMMIT\n`)
      .join('');
  }
}

function readListing(table: Rule['table'], listing: string): FoundRule[] {
  const found: FoundRule[] = [];
  for (const line of listing.split('\n')) {
    if (!line.includes('NodeLocal DNS Cache')) continue;
    const rule = parseRule(table, line);
    if (rule !== null) found.push({ rule, key: ruleKey(rule), line });
  }
  return found;
}

function addMissing(
  script: RestoreScript,
  rules: readonly Rule[],
  found: readonly FoundRule[],
): number {
  const present = new Set(found.map(({ key }) => key));
  const missing = rules.filter((rule) => !present.has(ruleKey(rule)));
  for (const rule of missing) script.add(rule.table, `-I ${rule.chain} ${ruleArguments(rule)}`);
  return missing.length;
}

/** Removes all but one of the duplicates, and what is obsolete. */
function removeSurplus(
  script: RestoreScript,
  rules: readonly Rule[],
  found: readonly FoundRule[],
  isObsolete: (rule: Rule) => boolean,
): number {
  const wanted = new Set(rules.map(ruleKey));
  const kept = new Set<string>();
  let removed = 0;
  for (const { rule, key, line } of found) {
    const isDuplicate = kept.has(key);
    if (!isDuplicate && (wanted.has(key) || !isObsolete(rule))) {
      kept.add(key);
      continue;
    }
    script.add(rule.table, line.replace(/^-A /, '-D '));
    removed++;
  }
  return removed;
}

function failure(stderr: string, missing: boolean): SyncOutcome {
  // The words that the original looks for too (spec §2.2).
  const locked = /holding the xtables lock/i.test(stderr);
  const message = stderr
    .split('\n')
    .filter((line) => !line.startsWith('# Warning'))
    .join('; ');
  return { status: locked ? 'locked' : 'failed', missing, message };
}
