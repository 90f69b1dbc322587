import { beforeEach, describe, expect, test } from 'vitest';
import { IptablesRules } from '../../../src/host/iptables-rules.ts';
import { type Rule, rulesFor } from '../../../src/host/rules.ts';
import { FakeIptables, failed } from './fakes.ts';

const RULES = rulesFor('169.254.20.10', { dnsPort: 53, healthPort: 8080, leased: true });
const never = () => false;
const always = () => true;

let kernel: FakeIptables;
let iptables: IptablesRules;

beforeEach(() => {
  kernel = new FakeIptables();
  iptables = new IptablesRules({ variant: '-nft', isLegacy: false, isV4: true }, kernel.run);
});

describe('sync', () => {
  test('adds all rules in one transaction, and finds them in place afterwards', async () => {
    expect(await iptables.sync(RULES, never)).toEqual({
      status: 'in-place',
      added: 12,
      removed: 0,
    });
    expect(kernel.scripts).toHaveLength(1);
    expect(kernel.rules).toHaveLength(12);
    expect(await iptables.sync(RULES, never)).toEqual({ status: 'in-place', added: 0, removed: 0 });
    expect(kernel.scripts).toHaveLength(1);
  });

  test('declares no chain: that would reset its policy', async () => {
    await iptables.sync(RULES, never);
    expect(kernel.scripts[0]).not.toMatch(/^:/m);
  });

  test('adds only what is missing', async () => {
    await iptables.sync(RULES, never);
    kernel.tables.raw.splice(2, 3);
    expect(await iptables.sync(RULES, never)).toMatchObject({ added: 3, removed: 0 });
    expect(kernel.rules).toHaveLength(12);
  });

  test('reduces duplicates to one', async () => {
    await iptables.sync(RULES, never);
    const [rule] = kernel.tables.filter;
    kernel.tables.filter.push(rule, rule, rule);
    expect(await iptables.sync(RULES, never)).toMatchObject({ added: 0, removed: 3 });
    expect(kernel.tables.filter.filter((line) => line === rule)).toHaveLength(1);
  });

  test('replaces the original form of a rule in the same transaction', async () => {
    const original = rulesFor('169.254.20.10', { dnsPort: 53, healthPort: 8080, leased: false });
    await iptables.sync(original, never);
    expect(await iptables.sync(RULES, always)).toMatchObject({ added: 7, removed: 7 });
    expect(kernel.scripts).toHaveLength(2);
    expect(kernel.rules).toHaveLength(12);
  });

  test('keeps rules of addresses that are not obsolete', async () => {
    const others = rulesFor('169.254.20.11', { dnsPort: 53, healthPort: 8080, leased: false });
    await iptables.sync(others, never);
    await iptables.sync(RULES, (rule: Rule) => rule.ip === '169.254.20.10');
    expect(kernel.rules).toHaveLength(24);
  });

  test('removes everything that is obsolete when nothing is wanted', async () => {
    await iptables.sync(RULES, never);
    expect(await iptables.sync([], always)).toMatchObject({ status: 'in-place', removed: 12 });
    expect(kernel.rules).toEqual([]);
  });

  test('minds only its own address family', async () => {
    const v6 = rulesFor('fd00::a', { dnsPort: 53, healthPort: 8080, leased: true });
    expect(await iptables.sync(v6, never)).toMatchObject({ added: 0 });
    const ip6tables = new IptablesRules({ variant: '', isLegacy: false, isV4: false }, kernel.run);
    expect(await ip6tables.sync(v6, never)).toMatchObject({ added: 12 });
  });

  test('tells a held lock from other errors', async () => {
    kernel.refusal = failed('Another app is currently holding the xtables lock; waited 5 s', 4);
    expect(await iptables.sync(RULES, never)).toMatchObject({ status: 'locked', missing: true });
    kernel.refusal = failed('iptables-restore: line 3 failed');
    expect(await iptables.sync(RULES, never)).toMatchObject({
      status: 'failed',
      missing: true,
      message: 'iptables-restore: line 3 failed',
    });
  });

  test('does not claim that rules are missing when it could not look', async () => {
    kernel.listRefusal = failed('Permission denied');
    expect(await iptables.sync(RULES, never)).toMatchObject({ status: 'failed', missing: false });
  });
});
