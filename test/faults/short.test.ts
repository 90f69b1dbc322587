/** The bars of this folder's other tests in a minute and for machines that do other things as well. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { daemonFor, settledMb, upstreams, watchMemory, watchStarvation } from './faulty-setup.ts';
import type { Faults } from './faulty-upstream.ts';
import { type Account, steadyLoad } from './steady-load.ts';

const PER_SECOND = 200;
const SECONDS = 4;
/** What a bar may be missed by where the daemon gets no processor when it wants one. */
const STARVED_FACTOR = 5;

interface Bar {
  readonly what: string;
  readonly faults: readonly Partial<Faults>[];
  readonly option?: string;
  readonly p99Ms: number;
  /** Share of the questions that must have a good answer. */
  readonly good: number;
}

const BARS: readonly Bar[] = [
  { what: 'silent', faults: [{}, { isSilent: true }, {}], p99Ms: 200, good: 1 },
  {
    what: 'silent-tcp',
    faults: [{}, { isSilent: true }, {}],
    option: 'force_tcp',
    p99Ms: 200,
    good: 1,
  },
  { what: 'slow', faults: [{}, { delayMs: 1000 }, {}], p99Ms: 300, good: 1 },
  { what: 'loss', faults: [{ loss: 0.05 }, { loss: 0.05 }], p99Ms: 1000, good: 0.999 },
  { what: 'loss-alone', faults: [{ loss: 0.05 }], p99Ms: 1000, good: 0.999 },
];

/** Asks through a daemon for names that nobody has asked for before. */
async function tryBar({ what, faults, option }: Bar) {
  const daemon = await daemonFor(await upstreams(...faults), option);
  const { dns: port } = daemon.ports;
  // The first answers tell how long answers take: of so few questions they would be one in a hundred.
  await steadyLoad({
    port,
    perSecond: 50,
    seconds: 1,
    name: (index) => `${what}-first${index}.test`,
  });
  const isStarved = watchStarvation(daemon);
  const account = await steadyLoad({
    port,
    perSecond: PER_SECOND,
    seconds: SECONDS,
    name: (index) => `${what}${index}.test`,
  });
  return { account, isStarved: isStarved() };
}

/** A bar with what this machine adds to it. */
function allowedMs(barMs: number, account: Account, isStarved: boolean): number {
  return barMs * (isStarved ? STARVED_FACTOR : 1) + account.stallMs;
}

// At once: each costs little and waits much.
test('misses are answered in time and none fails while an upstream is silent, slow or loses datagrams', async () => {
  const results = await Promise.all(BARS.map(async (bar) => ({ bar, ...(await tryBar(bar)) })));
  for (const { bar, account, isStarved } of results) {
    const text = `${bar.what}: ${account}`;
    console.log(text);
    expect.soft(account.count(0) / account.outcomes.length, text).toBeGreaterThanOrEqual(bar.good);
    const limitMs = allowedMs(bar.p99Ms, account, isStarved);
    expect.soft(account.percentileMs(99), text).toBeLessThan(limitMs);
  }
});

test('while all upstreams are silent: failures in two seconds, little memory, and good answers at their return', async () => {
  const ups = await upstreams({}, {});
  const daemon = await daemonFor(ups);
  const { dns: port } = daemon.ports;
  await steadyLoad({ port, perSecond: 500, seconds: 2, name: (i) => `warm${i}.test` });
  await settledMb(daemon);
  const memory = watchMemory(daemon);
  const isStarved = watchStarvation(daemon);
  for (const { faults } of ups) faults.isSilent = true;
  let returnedAtMs = Number.POSITIVE_INFINITY;
  const comeBack = sleep(6000).then(() => {
    for (const { faults } of ups) faults.isSilent = false;
    returnedAtMs = performance.now();
  });
  const account = await steadyLoad({
    ...{ port, perSecond: 3000, seconds: 8, clients: 20 },
    name: (i) => `gone${i}.test`,
  });
  await comeBack;
  const text = `outage: ${account}, at most ${memory.mostMb.toFixed(0)} MB`;
  console.log(text);
  expect.soft(account.unanswered, text).toBe(0);
  expect.soft(memory.mostMb, text).toBeLessThan(80);
  expect.soft(account.percentileMs(99), text).toBeLessThan(allowedMs(2000, account, isStarved()));
  const good = account.outcomes.filter(({ rcode }) => rcode === 0);
  const firstMs = Math.min(...good.map(({ sentAtMs, tookMs }) => sentAtMs + tookMs));
  expect(firstMs - returnedAtMs, text).toBeLessThan(allowedMs(1000, account, isStarved()));
  // The next questions are answered as if nothing had been.
  const after = await steadyLoad({
    port,
    perSecond: 200,
    seconds: 1,
    name: (i) => `back${i}.test`,
  });
  expect(after.count(0), `${after}`).toBe(after.outcomes.length);
});
