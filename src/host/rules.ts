/**
 * The rules that keep a local address's DNS traffic out of connection tracking, as data: 12 per
 * address, with the original's arguments and comments so that either program recognises and removes
 * the other's (spec §2.3).
 */
import { canonicalIp, FAMILY_V4, familyOf } from './ip.ts';

export interface Rule {
  readonly table: 'raw' | 'filter';
  readonly chain: 'PREROUTING' | 'INPUT' | 'OUTPUT';
  readonly protocol: 'tcp' | 'udp';
  /** Which end of the packet the address and port are. */
  readonly side: 'destination' | 'source';
  /** The address as the user wrote it. */
  readonly ip: string;
  readonly port: number;
  /** Match only while the address is held by this node: what makes the lease's end the rule's end. */
  readonly onlyLocal: boolean;
}

export interface RulesOptions {
  readonly dnsPort: number;
  readonly healthPort: number;
  /** Whether addresses have a lifetime. */
  readonly leased: boolean;
}

/** The comment tells whose a rule is. */
const SKIP_CONNTRACK = 'NodeLocal DNS Cache: skip conntrack';
const ALLOW_TRAFFIC = 'NodeLocal DNS Cache: allow DNS traffic';

/** The chains our rules stand in. */
export const RULE_CHAINS = [
  { table: 'raw', chain: 'PREROUTING' },
  { table: 'raw', chain: 'OUTPUT' },
  { table: 'filter', chain: 'INPUT' },
  { table: 'filter', chain: 'OUTPUT' },
] as const;

/** The 12 rules of one address, in the original's order. */
export function rulesFor(ip: string, options: RulesOptions): Rule[] {
  const dns = (
    table: Rule['table'],
    chain: Rule['chain'],
    side: Rule['side'],
    protocol: Rule['protocol'],
  ): Rule => ({ table, chain, side, protocol, ip, port: options.dnsPort, onlyLocal: false });
  const health = (side: Rule['side']): Rule => ({
    ...dns('raw', 'OUTPUT', side, 'tcp'),
    port: options.healthPort,
  });
  const rules = [
    dns('raw', 'PREROUTING', 'destination', 'tcp'),
    dns('raw', 'PREROUTING', 'destination', 'udp'),
    dns('filter', 'INPUT', 'destination', 'tcp'),
    dns('filter', 'INPUT', 'destination', 'udp'),
    dns('raw', 'OUTPUT', 'source', 'tcp'),
    dns('raw', 'OUTPUT', 'source', 'udp'),
    dns('filter', 'OUTPUT', 'source', 'tcp'),
    dns('filter', 'OUTPUT', 'source', 'udp'),
    dns('raw', 'OUTPUT', 'destination', 'tcp'),
    dns('raw', 'OUTPUT', 'destination', 'udp'),
    health('destination'),
    health('source'),
  ];
  return rules.map((rule) => ({
    ...rule,
    onlyLocal: options.leased && rule.side === 'destination',
  }));
}

/** What the rule does with a packet, in the words of iptables. */
export function ruleTarget(rule: Rule): 'NOTRACK' | 'ACCEPT' {
  return rule.table === 'raw' ? 'NOTRACK' : 'ACCEPT';
}

export function ruleComment(rule: Rule): string {
  return rule.table === 'raw' ? SKIP_CONNTRACK : ALLOW_TRAFFIC;
}

/** Whether a rule's comment says that a node-local cache made it. */
export function isOurComment(comment: string): boolean {
  return comment === SKIP_CONNTRACK || comment === ALLOW_TRAFFIC;
}

/** The same text for rules that mean the same. */
export function ruleKey(rule: Rule): string {
  const { table, chain, protocol, side, ip, port, onlyLocal } = rule;
  const local = onlyLocal ? ' local' : '';
  return `${table} ${chain} ${protocol} ${side} ${canonicalIp(ip)} ${port}${local}`;
}

/** The rule as one line for iptables-restore, without the command before it. */
export function ruleArguments(rule: Rule): string {
  const [address, port] = rule.side === 'destination' ? ['-d', '--dport'] : ['-s', '--sport'];
  const local = rule.onlyLocal ? '-m addrtype --dst-type LOCAL ' : '';
  const comment = `-m comment --comment "${ruleComment(rule)}"`;
  return `-p ${rule.protocol} ${address} ${rule.ip} ${port} ${rule.port} ${local}-j ${ruleTarget(rule)} ${comment}`;
}

/**
 * Reads a line of iptables-save.
 *
 * @returns null when the line is no rule of a node-local cache
 */
export function parseRule(table: Rule['table'], line: string): Rule | null {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    (match) => match[1] ?? match[2],
  );
  const after = (option: string): string | undefined => {
    const at = words.indexOf(option);
    return at < 0 ? undefined : words[at + 1];
  };
  const chain = RULE_CHAINS.find((known) => known.table === table && known.chain === after('-A'));
  const side = words.includes('-d') ? 'destination' : 'source';
  const ip = after(side === 'destination' ? '-d' : '-s')?.replace(/\/\d+$/, '');
  const port = Number(after(side === 'destination' ? '--dport' : '--sport'));
  const protocol = after('-p');
  if (chain === undefined || ip === undefined || !isOurComment(after('--comment') ?? ''))
    return null;
  if ((protocol !== 'tcp' && protocol !== 'udp') || !Number.isInteger(port)) return null;
  const onlyLocal = after('--dst-type') === 'LOCAL';
  return { table, chain: chain.chain, protocol, side, ip, port, onlyLocal };
}

/** Whether the rule belongs into iptables (else ip6tables). */
export function isRuleV4(rule: Rule): boolean {
  return familyOf(rule.ip) === FAMILY_V4;
}
