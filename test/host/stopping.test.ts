/** What pods see when the only instance on a node stops and starts, hangs, or breaks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, KUBE_DNS, WHO } from './harness/cluster.ts';
import { isUml, LEASE_MS, loadOf, slowness, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';
import { evaluate, WITH_DEBUGGER } from './harness/debugger.ts';
import { startLoad } from './harness/load.ts';
import { countAnswers, gapAfterMs, unixMs } from './harness/load-summary.ts';

/** Each takes seconds where all is slow. */
const ROUNDS = isUml ? 1 : 20;
const PER_SECOND = loadOf(1000);
const SLACK_MS = 500 * slowness;
const HANG_LIMIT_MS = 5000;
/** Until a busy machine tells of it. */
const HANG_SLACK_MS = 1500;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterEach(() => {
  cluster.node.try('ip', 'link', 'del', 'nodelocaldns');
});
afterAll(async () => {
  await cluster?.destroy();
});

const load = (seconds: number) =>
  startLoad(cluster.pod, { server: KUBE_DNS, perSecond: PER_SECOND, seconds, name: WHO });

/** Interface and rules of ours. */
function leftBehind(): string[] {
  const { status } = cluster.node.try('ip', 'link', 'show', 'nodelocaldns');
  return [...(status === 0 ? ['nodelocaldns'] : []), ...cluster.ourRules()];
}

test(`${ROUNDS} stops and starts at ${PER_SECOND}/s lose nothing`, async () => {
  const { begun, records, stop } = load(100);
  await begun;
  for (let round = 0; round < ROUNDS; round++) {
    const daemon = await Daemon.start(cluster);
    await sleep(100 * slowness);
    expect(await daemon.stop(), daemon.output).toBe(0);
  }
  stop();
  const all = await records;
  const { cache, kubeDns, lost } = countAnswers(all);
  console.log(
    `${ROUNDS} stops and starts: ${cache} queries answered by the cache, ${kubeDns} by kube-dns, ${lost} lost`,
  );
  expect(cache).toBeGreaterThan((ROUNDS * PER_SECOND) / 20);
  expect(kubeDns).toBeGreaterThan(0);
  // One processor for all: an upstream may take longer there than the cache waits for it.
  if (!isUml) expect(cache + kubeDns).toBe(all.length);
  expect(lost).toBe(0);
  expect(leftBehind()).toEqual([]);
});

test.skipIf(isUml)('a hung event loop: the lease ends first, then the process', async () => {
  const daemon = await Daemon.launch(cluster, [], undefined, WITH_DEBUGGER).untilServing();
  const { begun, records } = load(8);
  await begun;
  await sleep(500);
  await evaluate(daemon, 'for (;;);');
  const hungMs = unixMs();
  expect(await daemon.ended).toBe(14);
  const tookMs = unixMs() - hungMs;
  expect(tookMs).toBeLessThan(HANG_LIMIT_MS + HANG_SLACK_MS);
  const all = await records;
  console.log(
    `hung loop: the last unanswered query ${gapAfterMs(all, hungMs)} ms later, the end of the process ${tookMs} ms later`,
  );
  expect(gapAfterMs(all, hungMs)).toBeLessThan(LEASE_MS + SLACK_MS);
  const late = countAnswers(all, hungMs + LEASE_MS + SLACK_MS);
  expect(late).toMatchObject({ cache: 0, lost: 0 });
  expect(late.kubeDns).toBeGreaterThan(PER_SECOND);
  const successor = await Daemon.start(cluster);
  await successor.stop();
  expect(leftBehind()).toEqual([]);
});

test.skipIf(isUml).each([
  ['an uncaught exception', 'setTimeout(() => { throw new Error("broken on purpose"); })'],
  ['an unhandled rejection', 'void Promise.reject(new Error("broken on purpose"))'],
])('%s is logged, and nothing is left behind', async (_, expression) => {
  const daemon = await Daemon.launch(cluster, [], undefined, WITH_DEBUGGER).untilServing();
  await evaluate(daemon, expression);
  expect(await daemon.ended).toBe(1);
  expect(daemon.output).toContain('broken on purpose');
  expect(leftBehind()).toEqual([]);
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
});

test.skipIf(isUml)('SIGTERM at any moment of the start leaves nothing behind', async () => {
  for (const delayMs of [150, 225, 300, 375, 450, 600]) {
    const daemon = Daemon.launch(cluster);
    await sleep(delayMs);
    daemon.signal('SIGTERM');
    const status = await daemon.ended;
    // Before there is a handler the signal ends the process itself: nothing was set up by then.
    expect([delayMs, status]).toEqual([delayMs, daemon.output === '' ? 'SIGTERM' : 0]);
    expect([delayMs, ...leftBehind()]).toEqual([delayMs]);
  }
  expect(cluster.who()).toBe(FROM_KUBE_DNS);
});

test.skipIf(isUml)('-shutdown-delay: answers while someone asks', async () => {
  const daemon = await Daemon.launch(cluster, ['-shutdown-delay', '2s']).untilServing();
  const { begun, records, stop } = load(60);
  await begun;
  await sleep(500);
  const stopMs = unixMs();
  expect(await daemon.stop(), daemon.output).toBe(0);
  expect(unixMs() - stopMs).toBeGreaterThan(1900);
  await until('kube-dns answering', () => cluster.who() === FROM_KUBE_DNS);
  await sleep(300);
  stop();
  const all = await records;
  expect(countAnswers(all, stopMs + 100, stopMs + 1800)).toMatchObject({ kubeDns: 0, lost: 0 });
  expect(countAnswers(all).lost).toBe(0);
  expect(all.at(-1)?.answer).toBe(FROM_KUBE_DNS);
});

test.skipIf(isUml)('a second SIGTERM ends the wait, not the tear-down', async () => {
  const daemon = await Daemon.launch(cluster, ['-shutdown-delay', '60s']).untilServing();
  daemon.signal('SIGTERM');
  await until('the first signal', () => daemon.output.includes('Shutting down'));
  expect(cluster.who()).toBe(FROM_CACHE);
  daemon.signal('SIGTERM');
  expect(await daemon.ended).toBe(2);
  expect(leftBehind()).toEqual([]);
});
