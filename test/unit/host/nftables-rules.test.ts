import { beforeEach, describe, expect, test } from 'vitest';
import type { CommandRunner } from '../../../src/host/command.ts';
import { NftablesRules, nftablesTable } from '../../../src/host/nftables-rules.ts';
import type { TableOwner } from '../../../src/host/owned-table.ts';
import { rulesFor } from '../../../src/host/rules.ts';
import { absent, done, failed } from './fakes.ts';

const OPTIONS = { dnsPort: 53, healthPort: 8080, leased: true };
const RULES = [...rulesFor('169.254.20.10', OPTIONS), ...rulesFor('fd00::a', OPTIONS)];

let scripts: string[];
/** What `nft -j list table` says; null: no such table. */
let listing: string | null;
let nftables: NftablesRules;

const run: CommandRunner = async (_, args, { stdin = '' }) => {
  if (args.includes('list'))
    return listing === null ? failed('No such file or directory') : done(listing);
  scripts.push(stdin);
  listing = asJson(stdin);
  return done();
};

/** A kernel that knows no owners. */
const refuse: TableOwner = async () => {
  throw new Error('Operation not supported\nflags owner');
};

beforeEach(() => {
  scripts = [];
  listing = null;
  nftables = new NftablesRules({ interfaceName: 'nodelocaldns' }, run, refuse);
});

/** The rules of a script as nft lists them in JSON. */
function asJson(script: string): string {
  let chain = '';
  const rules: object[] = [];
  for (const line of script.split('\n')) {
    chain = /chain (\S+)/.exec(line)?.[1] ?? chain;
    const [, family, field, ip, protocol, portField, port, local] =
      /^ {4}(ip6?) ([sd]addr) (\S+) (tcp|udp) ([sd]port) (\d+) (fib daddr type local)?/.exec(
        line,
      ) ?? [];
    if (family === undefined) continue;
    const match = (left: object, right: unknown) => ({ match: { op: '==', left, right } });
    const expr = [
      match({ payload: { protocol: family, field } }, ip),
      match({ payload: { protocol, field: portField } }, Number(port)),
      ...(local ? [match({ fib: { result: 'type', flags: ['daddr'] } }, 'local')] : []),
    ];
    rules.push({ rule: { family: 'inet', table: 'nodelocaldns', chain, expr } });
  }
  return rules.length === 0 ? '' : JSON.stringify({ nftables: [{ metainfo: {} }, ...rules] });
}

test('sets all rules of both families in one transaction, and finds them in place', async () => {
  expect(await nftables.sync(RULES, () => true)).toEqual({
    status: 'in-place',
    added: 24,
    removed: 0,
  });
  expect(scripts).toHaveLength(1);
  expect(await nftables.sync(RULES, () => true)).toEqual({
    status: 'in-place',
    added: 0,
    removed: 0,
  });
  expect(scripts).toHaveLength(1);
});

test('replaces the table as a whole when a rule is missing', async () => {
  await nftables.sync(RULES, () => true);
  const parsed = JSON.parse(listing ?? '') as { nftables: unknown[] };
  parsed.nftables.splice(3, 2);
  listing = JSON.stringify(parsed);
  expect(await nftables.sync(RULES, () => true)).toMatchObject({ added: 2, removed: 0 });
  expect(scripts[1]).toMatch(/^add table inet nodelocaldns\ndelete table inet nodelocaldns\ntable/);
});

test('a rule that we did not write makes the table wrong', async () => {
  await nftables.sync(RULES, () => true);
  const parsed = JSON.parse(listing ?? '') as { nftables: unknown[] };
  parsed.nftables.push({ rule: { chain: 'raw_output', expr: [{ accept: null }] } });
  listing = JSON.stringify(parsed);
  expect(await nftables.sync(RULES, () => true)).toMatchObject({ added: 0, removed: 1 });
});

test('removes the table, but not one that a living program uses', async () => {
  await nftables.sync(RULES, () => true);
  await nftables.sync([], () => false);
  expect(scripts).toHaveLength(1);
  await nftables.sync([], () => true);
  expect(scripts[1]).toBe('add table inet nodelocaldns\ndelete table inet nodelocaldns\n');
});

test('nft that is not there is a failure, with the rules missing', async () => {
  const without = new NftablesRules({ interfaceName: 'x' }, async () => absent, refuse);
  expect(await without.sync(RULES, () => true)).toMatchObject({ status: 'failed', missing: true });
});

describe('a table with an owner', () => {
  let made: { table: string; commands: string; isAlive: boolean; remove(): Promise<void> }[];
  const own: TableOwner = async (table, commands) => {
    const owned = {
      ...{ table, commands, isAlive: true },
      async remove() {
        owned.isAlive = false;
      },
    };
    made.push(owned);
    return owned;
  };

  beforeEach(() => {
    made = [];
    nftables = new NftablesRules({ interfaceName: 'nodelocaldns' }, run, own);
  });

  test('is made in one line, which nft takes as one transaction', async () => {
    expect(await nftables.sync(RULES, () => true)).toMatchObject({ added: 24, removed: 0 });
    expect(made).toHaveLength(1);
    expect(made[0].commands).not.toContain('\n');
    expect(made[0].commands.match(/NodeLocal DNS Cache: /g)).toHaveLength(24);
    expect(made[0].commands).toContain('flags owner;');
    expect(scripts).toEqual([]);
    expect(nftables.note).toBe(`table ${made[0].table}, which ends with this process`);
  });

  test('is as it should be while it is there, and made again when its holder died', async () => {
    await nftables.sync(RULES, () => true);
    expect(await nftables.sync(RULES, () => true)).toMatchObject({ added: 0 });
    expect(nftables.isLost).toBe(false);
    made[0].isAlive = false;
    expect(nftables.isLost).toBe(true);
    expect(await nftables.sync(RULES, () => true)).toMatchObject({ added: 24 });
    expect(made).toHaveLength(2);
  });

  test('has a name of its own, so that two instances have one each', async () => {
    const other = new NftablesRules({ interfaceName: 'nodelocaldns' }, run, own);
    await nftables.sync(RULES, () => true);
    await other.sync(RULES, () => true);
    const [first, second] = made.map(({ table }) => table);
    expect(first).toMatch(/^nodelocaldns_[0-9a-f]{4}$/);
    expect(second).not.toBe(first);
  });

  test('takes the place of one without an owner', async () => {
    const before = new NftablesRules({ interfaceName: 'nodelocaldns' }, run, refuse);
    await before.sync(RULES, () => true);
    await nftables.sync(RULES, () => true);
    expect(scripts.at(-1)).toBe('add table inet nodelocaldns\ndelete table inet nodelocaldns\n');
  });

  test('is removed when no rule is wanted any more', async () => {
    await nftables.sync(RULES, () => true);
    expect(await nftables.sync([], () => true)).toEqual({
      ...{ status: 'in-place', added: 0, removed: 24 },
    });
    expect(made[0].isAlive).toBe(false);
  });

  test('that is refused is not tried again, and the reason is told', async () => {
    nftables = new NftablesRules({ interfaceName: 'nodelocaldns' }, run, refuse);
    await nftables.sync(RULES, () => true);
    expect(nftables.note).toBe('table nodelocaldns, without an owner: Operation not supported');
    expect(scripts).toHaveLength(1);
  });
});

test.each([
  ['nodelocaldns', 'nodelocaldns'],
  ['node-local.dns', 'node_local_dns'],
  ['0cache', 'n0cache'],
])('the table for the interface %s is %s', (name, table) => {
  expect(nftablesTable(name)).toBe(table);
});
