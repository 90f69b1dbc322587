import { beforeEach, describe, expect, test } from 'vitest';
import { Lease } from '../../../src/host/lease.ts';
import { createNodeEvents, type NodeEvents } from '../../../src/host/node-events.ts';
import { Log } from '../../../src/log/log.ts';
import { ManualClock } from './fakes.ts';

const LEASE_MS = 2000;

let clock: ManualClock;
let lease: Lease;
/** What was done, in order. */
let deeds: string[];
let answers: boolean;
let lines: string[];
let events: NodeEvents;

beforeEach(() => {
  clock = new ManualClock();
  deeds = [];
  answers = true;
  lines = [];
  const actions = {
    renew: async (leaseMs: number) => void deeds.push(`renew ${leaseMs}`),
    drop: async () => void deeds.push('drop'),
    probe: async () => {
      deeds.push('probe');
      return answers;
    },
  };
  const log = new Log((line) => lines.push(line));
  events = createNodeEvents();
  lease = new Lease({ leaseMs: LEASE_MS, actions }, { clock, log, events });
});

/** Lets time pass in turns of the lease, and gives what was done. */
async function pass(ms: number): Promise<string[]> {
  deeds.length = 0;
  const endMs = clock.ms + ms;
  while (clock.ms < endMs) clock.ms += await lease.tick();
  return deeds;
}

describe('while the listeners answer', () => {
  test('each second the lease is renewed, after a question', async () => {
    await lease.begin();
    clock.ms += 1000;
    expect(await pass(3000)).toEqual(Array(3).fill(['probe', 'renew 2000']).flat());
    expect(events.leaseRenewals).toBe(3);
    expect(events.leaseExpiries).toEqual({ unanswered: 0, standstill: 0 });
  });

  test('addresses that went away are taken again at once', async () => {
    await lease.begin();
    deeds.length = 0;
    expect(await lease.repair()).toBe(true);
    expect(deeds).toEqual(['renew 2000']);
    expect(events.leaseRenewals).toBe(0);
  });
});

describe('when the listeners do not answer', () => {
  test('the lease is not renewed, and given up when it is over', async () => {
    await lease.begin();
    answers = false;
    clock.ms += 1000;
    const done = await pass(1250);
    expect(done).not.toContain('renew 2000');
    expect(done.at(-1)).toBe('drop');
    expect(lease.isHeld).toBe(false);
    expect(events.leaseExpiries).toEqual({ unanswered: 1, standstill: 0 });
    expect(lines.filter((line) => line.startsWith('[WARNING]'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('[ERROR]'))).toHaveLength(1);
  });

  test('one unanswered question is asked again before the lease is over', async () => {
    await lease.begin();
    clock.ms += 1000;
    answers = false;
    clock.ms += await lease.tick();
    answers = true;
    deeds.length = 0;
    await lease.tick();
    expect(deeds).toEqual(['probe', 'renew 2000']);
    expect(lease.isHeld).toBe(true);
  });

  test('addresses that went away are not taken again', async () => {
    await lease.begin();
    answers = false;
    clock.ms += 1000;
    await lease.tick();
    deeds.length = 0;
    expect(await lease.repair()).toBe(false);
    expect(deeds).toEqual([]);
  });

  test('trials follow with growing pauses, each ended by a drop', async () => {
    await lease.begin();
    answers = false;
    clock.ms += 1000;
    await pass(1250);
    const trials = (await pass(16_000)).filter((deed) => deed === 'drop').length;
    expect(trials).toBe(4);
  });

  test('an answered trial gives the lease back', async () => {
    await lease.begin();
    answers = false;
    clock.ms += 1000;
    await pass(1250);
    answers = true;
    const done = await pass(2000);
    expect(done.slice(0, 3)).toEqual(['renew 2000', 'probe', 'renew 2000']);
    expect(lease.isHeld).toBe(true);
  });
});

describe('a process that stood still', () => {
  beforeEach(async () => {
    await lease.begin();
    deeds.length = 0;
    clock.ms += 60_000;
  });

  test('reads what has gathered in its sockets before it takes the addresses again', async () => {
    // The kernel's message that the addresses are gone comes first.
    await lease.repair();
    const pauseMs = await lease.tick();
    await lease.repair();
    expect(deeds).toEqual([]);
    expect(pauseMs).toBe(200);
    expect(events.leaseExpiries).toEqual({ unanswered: 0, standstill: 1 });
  });

  test('takes the addresses before it asks: kube-dns would answer else', async () => {
    clock.ms += await lease.tick();
    await lease.tick();
    expect(deeds).toEqual(['renew 2000', 'probe', 'renew 2000']);
    expect(lease.isHeld).toBe(true);
  });
});

test('a lease that was ended stays ended', async () => {
  await lease.begin();
  await lease.end();
  deeds.length = 0;
  await lease.repair();
  expect(deeds).toEqual([]);
  expect(lease.isHeld).toBe(false);
});
