/** One instance takes over from another, or tries to. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, FROM_KUBE_DNS, KUBE_DNS, LINK_LOCAL } from './harness/cluster.ts';
import { isUml, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';
import { startDnsperf } from './harness/dnsperf.ts';

const REPLACEMENTS = 10;
const PER_SECOND = 5000;
const NAMES = 2000;
/** Queries that come in the moment between the last socket and the last rule: some 50 ms at 1,000/s. */
const MAX_LOST_BY_TWO = 500;
/** Fewer queries than this tell nothing. */
const ENOUGH = 100;
/** How much the share of hits may fall. */
const RATIO_SLACK = 0.05;

let cluster: Cluster;
/** Ended after each test, however it went. */
let daemons: Daemon[] = [];

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterEach(async () => {
  for (const daemon of daemons) {
    daemon.kill();
    await daemon.ended;
  }
  daemons = [];
  cluster.node.try('ip', 'link', 'del', 'nodelocaldns');
});
afterAll(async () => {
  await cluster?.destroy();
});

/** Starts an instance; resolves when it serves. */
async function start(flags: readonly string[] = []): Promise<Daemon> {
  const daemon = Daemon.launch(cluster, flags);
  daemons.push(daemon);
  return daemon.untilServing();
}

/** Hits and all queries to the cache, since the process began. */
function countHits(daemon: Daemon): { hits: number; all: number } {
  const hits = daemon.metric('coredns_cache_hits_total') ?? 0;
  return { hits, all: hits + (daemon.metric('coredns_cache_misses_total') ?? 0) };
}

/** Interface and rules of ours. */
function leftBehind(): string[] {
  const { status } = cluster.node.try('ip', 'link', 'show', 'nodelocaldns');
  return [...(status === 0 ? ['nodelocaldns'] : []), ...cluster.ourRules()];
}

test.skipIf(isUml)(
  `${REPLACEMENTS} replacements at ${PER_SECOND}/s lose nothing, and the cache stays warm`,
  async () => {
    let daemon = await start();
    const load = startDnsperf(cluster, { server: KUBE_DNS, perSecond: PER_SECOND, names: NAMES });
    await sleep(1500 + (NAMES / PER_SECOND) * 1000);
    // By then each name has been asked for.
    const first = countHits(daemon);
    await sleep(1000);
    const last = countHits(daemon);
    const before = (last.hits - first.hits) / (last.all - first.all);
    const ratios: number[] = [];
    for (let i = 0; i < REPLACEMENTS; i++) {
      const successor = await start();
      expect(await daemon.stop(), daemon.output).toBe(0);
      daemon = successor;
      const { hits, all } = countHits(daemon);
      expect(all).toBeGreaterThan(ENOUGH);
      ratios.push(hits / all);
    }
    const { sent, lost, notNoerror, seconds } = await load.finish();
    const shown = ratios.map((ratio) => (ratio * 100).toFixed(1)).join(' ');
    console.log(
      `${REPLACEMENTS} replacements: ${sent} queries in ${seconds.toFixed(0)} s, ${lost} lost, ${notNoerror} not NOERROR; ` +
        `hits before ${(before * 100).toFixed(1)} %, right after each ${shown} %`,
    );
    // A machine that has other things to do sends fewer.
    expect(sent / seconds).toBeGreaterThan(PER_SECOND * 0.5);
    expect({ lost, notNoerror }).toEqual({ lost: 0, notNoerror: 0 });
    expect(Math.min(...ratios)).toBeGreaterThan(before - RATIO_SLACK);
  },
);

test.skipIf(isUml)('whoever ends leaves interface and rules to the other', async () => {
  const first = await start();
  const second = await start();
  expect(await second.stop(), second.output).toBe(0);
  expect(second.output).toContain('leaving it interface and rules');
  expect(cluster.who()).toBe(FROM_CACHE);
  const third = await start();
  third.kill();
  await third.ended;
  expect(cluster.who()).toBe(FROM_CACHE);
  expect(cluster.who(LINK_LOCAL)).toBe(FROM_CACHE);
  expect(await first.stop(), first.output).toBe(0);
  expect(leftBehind()).toEqual([]);
});

test.skipIf(isUml).each([['2s'], ['0']])(
  'two that end at the same time leave nothing behind (-lease %s)',
  async (lease) => {
    const both = [await start(['-lease', lease]), await start(['-lease', lease])];
    const load = startDnsperf(cluster, { server: KUBE_DNS, perSecond: 1000, names: 10 });
    await sleep(300);
    expect(await Promise.all(both.map((daemon) => daemon.stop()))).toEqual([0, 0]);
    const { sent, lost } = await load.finish();
    console.log(
      `two that end at the same time (-lease ${lease}): ${lost} of ${sent} lost at 1000/s`,
    );
    expect(sent).toBeGreaterThan(300);
    expect(lost).toBeLessThan(MAX_LOST_BY_TWO);
    expect(leftBehind()).toEqual([]);
    expect(cluster.who()).toBe(FROM_KUBE_DNS);
  },
);

test.skipIf(isUml)('all ports are shared by two instances', async () => {
  const [first, second] = [await start(), await start()];
  for (const { output } of [first, second]) expect(output).not.toMatch(/\[ERROR\]|in use/);
  const listening = cluster.node.run('ss', '-Hltn').split('\n');
  for (const port of [53, 8080, 9253, 9353]) {
    const count = listening.filter((line) => line.includes(`:${port} `)).length;
    expect([port, count % 2, count > 0]).toEqual([port, 0, true]);
  }
});

test.skipIf(isUml).each([
  ['a bad Corefile', 'cluster.local:53 {\n  no-such-directive\n}\n', 'no-such-directive'],
  [
    'another port that is taken',
    '.:53 {\n  bind 169.254.20.10\n  health 127.0.0.1:9 {\n }\n whoami\n}\n.:54 {\n bind 127.0.0.1\n whoami\n}\n',
    '54',
  ],
])('with %s a start leaves the running instance in charge', async (_, corefile, reason) => {
  const first = await start();
  const taken = cluster.node.start([
    'dnsmasq',
    '-d',
    '-p',
    '54',
    '-a',
    '127.0.0.1',
    '-z',
    '-C',
    '/dev/null',
  ]);
  await until('the other program', () => cluster.node.run('ss', '-Hlun').includes('127.0.0.1:54 '));
  const load = startDnsperf(cluster, { server: KUBE_DNS, perSecond: 1000, names: 10 });
  await sleep(300);
  const second = Daemon.launch(cluster, [], corefile);
  expect(await second.ended).toBe(1);
  expect(second.output).toContain(reason);
  const { lost, notNoerror } = await load.finish();
  expect({ lost, notNoerror }).toEqual({ lost: 0, notNoerror: 0 });
  expect(cluster.who()).toBe(FROM_CACHE);
  expect(await first.stop(), first.output).toBe(0);
  expect(leftBehind()).toEqual([]);
  taken.child.kill();
  await until('the end', async () => (await taken.ended) !== undefined);
});
