import { describe, expect, test } from 'vitest';
import { daemonFor, upstreams, watchStarvation } from './faulty-setup.ts';
import { steadyLoad } from './steady-load.ts';

const PER_SECOND = 200;
const SECONDS = 10;

/** 200 names a second that nobody has asked for before. */
async function missesOf(port: number, label: string, seconds = SECONDS) {
  const account = await steadyLoad({
    port,
    perSecond: PER_SECOND,
    seconds,
    name: (index) => `${label}${index}.test`,
  });
  console.log(`${label}: ${account}`);
  return account;
}

describe.each([
  ['udp', ''],
  ['tcp', 'force_tcp'],
])('of three upstreams, over %s,', (transport, option) => {
  test('one takes questions and says nothing: misses in 200 ms, none fails', async ({ skip }) => {
    const daemon = await daemonFor(await upstreams({}, { isSilent: true }, {}), option);
    const isStarved = watchStarvation(daemon);
    const account = await missesOf(daemon.ports.dns, `silent-${transport}-`);
    expect(account.count(0)).toBe(PER_SECOND * SECONDS);
    skip(isStarved(), 'the machine is too busy for times');
    expect(account.percentileMs(99)).toBeLessThan(200);
  });

  test('one takes a second to answer: misses in 300 ms, none fails', async ({ skip }) => {
    const daemon = await daemonFor(await upstreams({}, { delayMs: 1000 }, {}), option);
    const isStarved = watchStarvation(daemon);
    const account = await missesOf(daemon.ports.dns, `slow-${transport}-`);
    expect(account.count(0)).toBe(PER_SECOND * SECONDS);
    skip(isStarved(), 'the machine is too busy for times');
    expect(account.percentileMs(99)).toBeLessThan(300);
  });

  test('one goes silent in the middle: misses in 200 ms, none fails', async ({ skip }) => {
    const ups = await upstreams({}, {}, {});
    const daemon = await daemonFor(ups, option);
    const timer = setTimeout(() => {
      ups[1].faults.isSilent = true;
    }, 2000);
    const isStarved = watchStarvation(daemon);
    const account = await missesOf(daemon.ports.dns, `falls-silent-${transport}-`);
    clearTimeout(timer);
    expect(account.count(0)).toBe(PER_SECOND * SECONDS);
    skip(isStarved(), 'the machine is too busy for times');
    expect(account.percentileMs(99)).toBeLessThan(200);
  });
});

test.for([1, 3])(
  'of %i upstreams, each losing one datagram in 20 each way: 99.9 in 100 answers in a second',
  async (count, { skip }) => {
    const ups = await upstreams(...Array.from({ length: count }, () => ({ loss: 0.05 })));
    const daemon = await daemonFor(ups);
    const isStarved = watchStarvation(daemon);
    const account = await missesOf(daemon.ports.dns, `loss-${count}-`, 15);
    skip(isStarved(), 'the machine is too busy for times');
    expect(account.goodWithin(1000)).toBeGreaterThanOrEqual(0.999);
  },
);
