/** Rules in a table of nftables' own, which dies with its daemon where kernel and nft know owners. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, KUBE_DNS, WHO } from './harness/cluster.ts';
import { isUml, run, until } from './harness/command.ts';
import { startIntercepting, stopDriver } from './harness/host-driver.ts';
import { startLoad } from './harness/load.ts';
import { countAnswers, gapAfterMs, unixMs } from './harness/load-summary.ts';
import type { Running } from './harness/namespace.ts';

const PER_SECOND = 1000;
/** From the end of a process to the end of its table; a busy machine takes its time. */
const GAP_MS = 1000;

let cluster: Cluster;
let drivers: Running[] = [];

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterEach(async () => {
  for (const driver of drivers) {
    driver.child.kill('SIGKILL');
    await driver.ended;
  }
  drivers = [];
  cluster.node.try('ip', 'link', 'del', 'nodelocaldns');
  cluster.node.try('nft', 'delete', 'table', 'inet', 'nodelocaldns');
});
afterAll(async () => {
  await cluster?.destroy();
});

async function start(
  options: Parameters<typeof startIntercepting>[1] = {},
  before: readonly string[] = [],
): Promise<Running> {
  const driver = await startIntercepting(cluster, { rules: 'nftables', ...options }, {}, before);
  drivers.push(driver);
  return driver;
}

/** Our tables, those with an owner first. */
function tables(): string[] {
  const listed = cluster.node.run('nft', 'list', 'tables').split('\n');
  const names = listed.map((line) => line.split(' ')[2] ?? '');
  return names
    .filter((name) => name.startsWith('nodelocaldns'))
    .sort()
    .reverse();
}

function rulesIn(table: string): number {
  const listed = cluster.node.try('nft', 'list', 'table', 'inet', table).stdout;
  return listed.match(/comment "NodeLocal DNS Cache: /g)?.length ?? 0;
}

/** A folder with an `nft` that has no prompt, as some are built. */
function folderOfPlainNft(): string {
  const folder = join(cluster.node.folder, 'plain-nft');
  mkdirSync(folder);
  const real = run('sh', '-c', 'command -v nft').trim();
  writeFileSync(join(folder, 'nft'), `#!/bin/sh\n[ "$1" = -i ] && exit 1\nexec ${real} "$@"\n`);
  chmodSync(join(folder, 'nft'), 0o755);
  return folder;
}

test.skipIf(isUml)('without iptables nftables serves, and nothing is left behind', async () => {
  const folder = join(cluster.node.folder, 'only-nft');
  mkdirSync(folder);
  symlinkSync(run('sh', '-c', 'command -v nft').trim(), join(folder, 'nft'));
  const driver = await start({ rules: 'auto' }, ['env', `PATH=${folder}`]);
  expect(driver.output()).toContain('Rules are kept with nftables: there is no iptables');
  expect(cluster.who()).toBe(FROM_CACHE);
  const [table, ...more] = tables();
  expect(more).toEqual([]);
  expect(rulesIn(table)).toBe(24);
  expect(driver.output()).toContain(`table ${table}, which ends with this process`);
  await stopDriver(driver);
  expect(tables()).toEqual([]);
});

test.skipIf(isUml)('kill -9: the table is gone, and pods reach kube-dns at once', async () => {
  // Unlimited addresses, so that the rules alone decide.
  const driver = await start({ leaseMs: 0 });
  const { begun, records } = startLoad(cluster.pod, {
    ...{ server: KUBE_DNS, perSecond: PER_SECOND, seconds: 4, name: WHO },
  });
  await begun;
  await sleep(500);
  const killedMs = unixMs();
  driver.child.kill('SIGKILL');
  await driver.ended;
  await until('the end of the table', () => tables().length === 0);
  const all = await records;
  console.log(
    `kill -9 with an owned table: the last unanswered query ${gapAfterMs(all, killedMs)} ms later`,
  );
  expect(gapAfterMs(all, killedMs)).toBeLessThan(GAP_MS);
  expect(countAnswers(all, 0, killedMs - 100)).toMatchObject({ kubeDns: 0, lost: 0 });
  const late = countAnswers(all, killedMs + GAP_MS);
  expect(late.kubeDns).toBeGreaterThan(0);
  expect(late).toMatchObject({ cache: 0, lost: 0 });
});

test.skipIf(isUml)('nobody else can flush or delete the table', async () => {
  await start();
  const [table] = tables();
  expect(cluster.node.try('nft', 'flush', 'table', 'inet', table).status).not.toBe(0);
  expect(cluster.node.try('nft', 'delete', 'table', 'inet', table).status).not.toBe(0);
  // The rest of the rule set, kube-proxy's among it, is not to go here.
  expect(rulesIn(table)).toBe(24);
});

test.skipIf(isUml)('the nft that holds the table dies: the rules come back', async () => {
  const driver = await start();
  const children = cluster.node.run('pgrep', '-P', `${driver.child.pid}`, '-x', 'nft');
  process.kill(Number(children), 'SIGKILL');
  await until('the rules', () => {
    const [table] = tables();
    return table !== undefined && rulesIn(table) === 24;
  });
  await until('the cache answering', () => cluster.who() === FROM_CACHE);
});

test.skipIf(isUml)('two instances have a table each; the first takes its own along', async () => {
  const first = await start();
  const [table] = tables();
  const second = await start();
  await until('a second table', () => tables().length === 2);
  expect(await stopDriver(first)).toContain('Another instance serves');
  expect(tables()).toHaveLength(1);
  expect(tables()).not.toContain(table);
  expect(cluster.who()).toBe(FROM_CACHE);
  await stopDriver(second);
  expect(tables()).toEqual([]);
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
});

test.skipIf(isUml)(
  'an nft that cannot hold a table: it has no owner, and is repaired',
  async () => {
    const path = `${folderOfPlainNft()}:${process.env.PATH}`;
    const driver = await start({}, ['env', `PATH=${path}`]);
    expect(driver.output()).toContain('table nodelocaldns, without an owner: nft -i ended with 1');
    expect(tables()).toEqual(['nodelocaldns']);
    cluster.node.run('nft', 'flush', 'table', 'inet', 'nodelocaldns');
    await until('the rules', () => rulesIn('nodelocaldns') === 24);
    driver.child.kill('SIGKILL');
    await driver.ended;
    expect(tables()).toEqual(['nodelocaldns']);
    // A daemon that can own a table replaces what is left.
    const successor = await start();
    await until('the end of the old table', () => !tables().includes('nodelocaldns'));
    await stopDriver(successor);
    expect(tables()).toEqual([]);
  },
);
