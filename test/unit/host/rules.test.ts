import { describe, expect, test } from 'vitest';
import { parseRule, ruleArguments, ruleKey, rulesFor } from '../../../src/host/rules.ts';

const OPTIONS = { dnsPort: 53, healthPort: 8080, leased: false };
const A = '-m comment --comment "NodeLocal DNS Cache: skip conntrack"';
const B = '-m comment --comment "NodeLocal DNS Cache: allow DNS traffic"';

describe('rulesFor', () => {
  test('gives the 12 rules of the original, arguments in its order', () => {
    const ip = '10.0.0.10';
    const rules = rulesFor(ip, OPTIONS).map((rule) => [
      rule.table,
      rule.chain,
      ruleArguments(rule),
    ]);
    expect(rules).toEqual([
      ['raw', 'PREROUTING', `-p tcp -d ${ip} --dport 53 -j NOTRACK ${A}`],
      ['raw', 'PREROUTING', `-p udp -d ${ip} --dport 53 -j NOTRACK ${A}`],
      ['filter', 'INPUT', `-p tcp -d ${ip} --dport 53 -j ACCEPT ${B}`],
      ['filter', 'INPUT', `-p udp -d ${ip} --dport 53 -j ACCEPT ${B}`],
      ['raw', 'OUTPUT', `-p tcp -s ${ip} --sport 53 -j NOTRACK ${A}`],
      ['raw', 'OUTPUT', `-p udp -s ${ip} --sport 53 -j NOTRACK ${A}`],
      ['filter', 'OUTPUT', `-p tcp -s ${ip} --sport 53 -j ACCEPT ${B}`],
      ['filter', 'OUTPUT', `-p udp -s ${ip} --sport 53 -j ACCEPT ${B}`],
      ['raw', 'OUTPUT', `-p tcp -d ${ip} --dport 53 -j NOTRACK ${A}`],
      ['raw', 'OUTPUT', `-p udp -d ${ip} --dport 53 -j NOTRACK ${A}`],
      ['raw', 'OUTPUT', `-p tcp -d ${ip} --dport 8080 -j NOTRACK ${A}`],
      ['raw', 'OUTPUT', `-p tcp -s ${ip} --sport 8080 -j NOTRACK ${A}`],
    ]);
  });

  test('limits rules about destinations to local addresses while a lease is in use', () => {
    const rules = rulesFor('10.0.0.10', { ...OPTIONS, leased: true });
    expect(rules.filter(({ onlyLocal }) => onlyLocal).map(({ side }) => side)).toEqual(
      Array(7).fill('destination'),
    );
    expect(ruleArguments(rules[0])).toBe(
      `-p tcp -d 10.0.0.10 --dport 53 -m addrtype --dst-type LOCAL -j NOTRACK ${A}`,
    );
  });
});

describe('parseRule', () => {
  const listed = (rest: string) =>
    `-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 ${rest}`;

  test.each([
    ['as iptables-nft lists it', listed(`${A} -j NOTRACK`)],
    ['as newer versions list it', listed(`${A} -j CT --notrack`)],
    [
      'in the order it was given in',
      `-A PREROUTING -p udp -d 169.254.20.10 --dport 53 -j NOTRACK ${A}`,
    ],
  ])('reads a rule %s', (_, line) => {
    const rule = parseRule('raw', line);
    expect(rule && ruleKey(rule)).toBe('raw PREROUTING udp destination 169.254.20.10 53');
  });

  test('tells the leased form from the original one', () => {
    const rule = parseRule('raw', listed(`-m addrtype --dst-type LOCAL ${A} -j NOTRACK`));
    expect(rule && ruleKey(rule)).toBe('raw PREROUTING udp destination 169.254.20.10 53 local');
  });

  test('knows an IPv6 address in any form', () => {
    const line = `-A INPUT -d fd00::a/128 -p tcp -m tcp --dport 53 ${B} -j ACCEPT`;
    const [, , rule] = rulesFor('FD00:0:0::000A', OPTIONS);
    expect(ruleKey(parseRule('filter', line) as never)).toBe(ruleKey(rule));
  });

  test.each([
    ['of another maker', listed('-m comment --comment "kube-dns: skip conntrack" -j NOTRACK')],
    ['without comment', listed('-j NOTRACK')],
    [
      'in a chain of others',
      `-A KUBE-SERVICES -d 10.0.0.1/32 -p udp -m udp --dport 53 ${A} -j NOTRACK`,
    ],
    [
      'for another protocol',
      `-A PREROUTING -d 10.0.0.1/32 -p sctp -m sctp --dport 53 ${A} -j NOTRACK`,
    ],
    ['without a port', `-A PREROUTING -d 10.0.0.1/32 -p udp ${A} -j NOTRACK`],
  ])('leaves a rule %s alone', (_, line) => {
    expect(parseRule('raw', line)).toBeNull();
  });
});
