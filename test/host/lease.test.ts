/** What pods see when the process that intercepts their queries dies, hangs or goes deaf. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, KUBE_DNS, WHO } from './harness/cluster.ts';
import { isUml, LEASE_MS, loadOf, slowness, until } from './harness/command.ts';
import { startIntercepting, stopDriver } from './harness/host-driver.ts';
import { startLoad } from './harness/load.ts';
import { countAnswers, gapAfterMs, unixMs } from './harness/load-summary.ts';
import type { Running } from './harness/namespace.ts';

const SLACK_MS = 500;
/** Until a busy machine tells of the end of a process. */
const HANG_SLACK_MS = 1500;
/** The same for a device that the kernel removes with its process. */
const TUN_GAP_MS = 500;
const PER_SECOND = loadOf(1000);
/** Interception is back so long after a process goes on. */
const BACK_MS = 1500 * slowness;
/** Fewer than this is no load. */
const ENOUGH = PER_SECOND / 4;

let cluster: Cluster;
let driver: Running;

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterEach(async () => {
  driver.child.kill('SIGCONT');
  driver.child.kill('SIGKILL');
  await driver.ended;
  cluster.node.try('ip', 'link', 'del', 'nodelocaldns');
});
afterAll(async () => {
  await cluster?.destroy();
});

const load = (seconds: number) =>
  startLoad(cluster.pod, { server: KUBE_DNS, perSecond: PER_SECOND, seconds, name: WHO });

/** Before the event. */
const SOME_LOAD_MS = 500 * slowness;

test('kill -9: kube-dns answers all that is asked half a second after the lease or later', async () => {
  driver = await startIntercepting(cluster);
  const { begun, records } = load((LEASE_MS + 3000 * slowness) / 1000);
  await begun;
  await sleep(SOME_LOAD_MS);
  const killedMs = unixMs();
  driver.child.kill('SIGKILL');
  const all = await records;
  console.log(
    `kill -9 at ${PER_SECOND}/s: the last unanswered query ${gapAfterMs(all, killedMs)} ms later`,
  );
  expect(gapAfterMs(all, killedMs)).toBeLessThan(LEASE_MS + SLACK_MS);
  expect(countAnswers(all, 0, killedMs - 100)).toMatchObject({ kubeDns: 0, lost: 0 });
  const late = countAnswers(all, killedMs + LEASE_MS + SLACK_MS);
  expect(late.kubeDns).toBeGreaterThan(ENOUGH);
  expect(late).toMatchObject({ cache: 0, lost: 0 });
});

test('kill -STOP: the same, and interception is back 1.5 s after kill -CONT', async () => {
  driver = await startIntercepting(cluster);
  const { begun, records } = load((LEASE_MS + 5000 * slowness) / 1000);
  await begun;
  await sleep(SOME_LOAD_MS);
  const stoppedMs = unixMs();
  driver.child.kill('SIGSTOP');
  await sleep(LEASE_MS + BACK_MS);
  const continuedMs = unixMs();
  driver.child.kill('SIGCONT');
  const all = await records;
  const ended = countAnswers(all, stoppedMs + LEASE_MS + SLACK_MS, continuedMs);
  console.log(`kill -STOP: the last unanswered query ${gapAfterMs(all, stoppedMs)} ms later`);
  expect(ended.kubeDns).toBeGreaterThan(ENOUGH);
  expect(ended.lost).toBe(0);
  // Not looked at: the moment after kill -CONT. What gathered in the sockets is answered then, all at
  // once, and the one socket of this client drops some of it, fresh answers of kube-dns among them.
  const back = countAnswers(all, continuedMs + BACK_MS);
  expect(back.cache).toBeGreaterThan(ENOUGH);
  expect(back).toMatchObject({ kubeDns: 0, lost: 0 });
});

test.skipIf(isUml).each([
  ['UDP', 'SIGUSR2'],
  ['TCP', 'SIGWINCH'],
] as const)(
  'a %s listener that does not answer ends the lease, until it does',
  async (_, toggle) => {
    driver = await startIntercepting(cluster);
    driver.child.kill(toggle);
    await until('kube-dns answering', () => cluster.who() === FROM_KUBE_DNS);
    driver.child.kill(toggle);
    await until('the cache answering again', () => cluster.who() === FROM_CACHE);
  },
);

test.skipIf(isUml)('a hung event loop ends the process within 5 s', async () => {
  driver = await startIntercepting(cluster);
  const hungMs = unixMs();
  driver.child.kill('SIGHUP');
  expect(await driver.ended).toBe(14);
  expect(unixMs() - hungMs).toBeLessThan(5000 * slowness + HANG_SLACK_MS);
});

test.skipIf(isUml)('SIGTERM: the very next query is answered by kube-dns', async () => {
  driver = await startIntercepting(cluster);
  expect(cluster.who()).toBe(FROM_CACHE);
  await stopDriver(driver);
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
  expect(cluster.ourRules()).toEqual([]);
});

const hasTun = existsSync('/dev/net/tun');

test.skipIf(isUml || !hasTun)(
  'kill -9 with a TUN device: the next query is answered by kube-dns',
  async () => {
    driver = await startIntercepting(cluster, { interfaceType: 'tun' });
    const { begun, records } = load(2 * slowness);
    await begun;
    await sleep(SOME_LOAD_MS);
    const killedMs = unixMs();
    driver.child.kill('SIGKILL');
    await driver.ended;
    const all = await records;
    console.log(
      `kill -9 with tun: the last unanswered query ${gapAfterMs(all, killedMs)} ms later`,
    );
    expect(gapAfterMs(all, killedMs)).toBeLessThan(TUN_GAP_MS);
    expect(countAnswers(all, killedMs + TUN_GAP_MS).kubeDns).toBeGreaterThan(ENOUGH);
  },
);

test.skipIf(isUml || !hasTun)(
  'two instances hold one TUN device; it goes with the last',
  async () => {
    driver = await startIntercepting(cluster, { interfaceType: 'tun' });
    const second = await startIntercepting(cluster, { interfaceType: 'tun' });
    driver.child.kill('SIGKILL');
    await driver.ended;
    expect(cluster.who()).toBe(FROM_CACHE);
    second.child.kill('SIGKILL');
    await second.ended;
    expect(cluster.node.try('ip', 'link', 'show', 'nodelocaldns').status).not.toBe(0);
    expect(cluster.who()).toBe(FROM_KUBE_DNS);
  },
);
