import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  daemonFor,
  residentMb,
  settledMb,
  upstreams,
  watchMemory,
  watchStarvation,
} from './faulty-setup.ts';
import type { FaultyUpstream } from './faulty-upstream.ts';
import { steadyLoad } from './steady-load.ts';

const PER_SECOND = 5000;
/** By hand 60: OUTAGE_SECONDS=60. */
const SECONDS = Number(process.env.OUTAGE_SECONDS ?? 15);
const STALE = `cache 30 {
        serve_stale 1h
    }`;

/** Resident memory that the daemon keeps to, whatever its upstreams do. */
const MAX_MB = 80;
/** Pods of a node that ask. */
const CLIENTS = 20;

/** How the upstreams are gone: nobody listens, or nobody answers. */
const WAYS: readonly [string, (ups: readonly FaultyUpstream[]) => Promise<void> | void][] = [
  ['refuse', async (ups) => void (await Promise.all(ups.map((up) => up.stop())))],
  [
    'are silent',
    (ups) => {
      for (const { faults } of ups) faults.isSilent = true;
    },
  ],
];

describe.each([
  ['udp', ''],
  ['tcp', 'force_tcp'],
])('while all upstreams, asked over %s,', (transport, option) => {
  test.for(WAYS)(
    '%s: failures in two seconds, and memory stays',
    { timeout: (SECONDS + 45) * 1000 },
    async ([way, vanish], { skip }) => {
      const ups = await upstreams({}, {});
      const daemon = await daemonFor(ups, option);
      const { dns: port } = daemon.ports;
      await steadyLoad({ port, perSecond: 1000, seconds: 2, name: (i) => `warm${i}.test` });
      const beforeMb = await settledMb(daemon);
      const memory = watchMemory(daemon);
      await vanish(ups);
      const isStarved = watchStarvation(daemon);
      const name = (index: number) => `gone${index}.test`;
      const account = await steadyLoad({
        ...{ port, name },
        perSecond: PER_SECOND,
        seconds: SECONDS,
        clients: CLIENTS,
      });
      console.log(
        `${transport}, ${way}: ${account}, ${beforeMb.toFixed(0)} → ${memory.mostMb.toFixed(0)} → ${residentMb(daemon).toFixed(0)} MB`,
      );
      expect(account.count(0)).toBe(0);
      expect(memory.mostMb).toBeLessThan(MAX_MB);
      skip(isStarved(), 'the machine is too busy for times');
      expect(account.unanswered).toBe(0);
      expect(account.percentileMs(99)).toBeLessThan(2000);
    },
  );

  test('were gone: the first good answer comes within a second of their return', async () => {
    const ups = await upstreams({}, {});
    const daemon = await daemonFor(ups, option);
    const { dns: port } = daemon.ports;
    await steadyLoad({ port, perSecond: 100, seconds: 1, name: (i) => `warm${i}.test` });
    await Promise.all(ups.map((up) => up.stop()));
    await steadyLoad({ port, perSecond: 100, seconds: 4, name: (i) => `gone${i}.test` });
    await Promise.all(ups.map((up) => up.start()));
    const returnedAtMs = performance.now();
    const name = (index: number) => `back${index}.test`;
    const account = await steadyLoad({ port, perSecond: 100, seconds: 3, name });
    const good = account.outcomes.filter(({ rcode }) => rcode === 0);
    const firstMs = Math.min(...good.map(({ sentAtMs, tookMs }) => sentAtMs + tookMs));
    console.log(
      `${transport}, return: first good answer after ${(firstMs - returnedAtMs).toFixed(0)} ms`,
    );
    expect(firstMs - returnedAtMs).toBeLessThan(1000);
  });

  test.for(WAYS)(
    '%s: what was known is answered from the past',
    async ([way, vanish], { skip }) => {
      const ups = await upstreams({ ttlSeconds: 1 }, { ttlSeconds: 1 });
      const daemon = await daemonFor(ups, option, STALE);
      const { dns: port } = daemon.ports;
      const name = (index: number) => `known${index % 1000}.test`;
      await steadyLoad({ port, perSecond: 1000, seconds: 1, name });
      await vanish(ups);
      // Lifetimes are 5 s at least.
      await sleep(5500);
      const isStarved = watchStarvation(daemon);
      const account = await steadyLoad({ port, perSecond: 1000, seconds: 4, name });
      console.log(`${transport}, ${way}, stale: ${account}`);
      expect(account.count(0)).toBe(account.outcomes.length);
      skip(isStarved(), 'the machine is too busy for times');
      expect(account.percentileMs(99)).toBeLessThan(100);
    },
  );
});
