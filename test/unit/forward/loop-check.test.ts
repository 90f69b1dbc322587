import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nameToText } from '../../../src/dns/name.ts';
import { LoopCheck, type LoopSuspect } from '../../../src/forward/loop-check.ts';
import type { OnProbed } from '../../../src/forward/prober.ts';
import { makeUpstream } from '../../helpers/upstreams.ts';

describe('loop check', () => {
  let names: string[] = [];
  let answer: OnProbed = () => {};
  let changes: boolean[] = [];
  let check: LoopCheck;
  let suspect: LoopSuspect;

  beforeEach(async () => {
    vi.useFakeTimers();
    names = [];
    changes = [];
    const upstream = makeUpstream(53);
    const prober = {
      ask: (question: Buffer, done: OnProbed) => {
        names.push(nameToText(question, 12));
        answer = done;
      },
    };
    suspect = {
      upstream: Object.defineProperty(upstream, 'prober', { value: prober }),
      zone: 'test.',
    };
    check = new LoopCheck([suspect], (_suspect, isLooping) => changes.push(isLooping));
    await check.start();
  });

  afterEach(async () => {
    await check.stop();
    vi.useRealTimers();
  });

  it('asks within its zone, when the listeners are there', () => {
    expect(names).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^[0-9a-f]{16}\.[0-9a-f]{16}\.test\.$/);
  });

  it('asks every second until it is answered, thirty times', () => {
    vi.advanceTimersByTime(500);
    for (let i = 0; i < 40; i++) {
      answer(false);
      vi.advanceTimersByTime(1000);
    }
    expect(names).toHaveLength(30);
  });

  it('is content with an answer, and looks again minutes later', () => {
    vi.advanceTimersByTime(500);
    answer(true);
    vi.advanceTimersByTime(240_000);
    expect(names).toHaveLength(1);
    vi.advanceTimersByTime(120_000);
    expect(names).toHaveLength(2);
    expect(changes).toEqual([]);
  });

  it('tells of a loop once, looks again soon, and tells when it has ended', () => {
    vi.advanceTimersByTime(500);
    expect(check.sight(names[0])).toBe(true);
    expect(check.sight(names[0])).toBe(true);
    answer(true);
    vi.advanceTimersByTime(10_000);
    expect(names).toHaveLength(2);
    expect(check.sight(names[1])).toBe(true);
    answer(true);
    vi.advanceTimersByTime(10_000);
    answer(false);
    expect(changes).toEqual([true]);
    vi.advanceTimersByTime(10_000);
    answer(true);
    expect(changes).toEqual([true, false]);
  });

  it('does not trust an upstream for long that has just ceased to loop', () => {
    vi.advanceTimersByTime(500);
    check.sight(names[0]);
    for (let checks = 1; checks <= 7; checks++) {
      expect(names).toHaveLength(checks);
      answer(true);
      vi.advanceTimersByTime(10_000);
    }
    expect(changes).toEqual([true, false]);
    answer(true);
    vi.advanceTimersByTime(200_000);
    expect(names).toHaveLength(8);
  });

  it('remembers across a reload what it has found', async () => {
    vi.advanceTimersByTime(500);
    check.sight(names[0]);
    const after = new LoopCheck([suspect], (_suspect, isLooping) => changes.push(isLooping));
    await check.stop();
    await after.start();
    const known: boolean[] = [];
    after.each((_suspect, isLooping) => known.push(isLooping));
    expect(known).toEqual([true]);
    vi.advanceTimersByTime(500);
    after.sight(names[1]);
    expect(changes).toEqual([true]);
    await after.stop();
  });

  it('does not know names it never asked', () => {
    vi.advanceTimersByTime(500);
    expect(check.sight('a.test.')).toBe(false);
    expect(check.sight('')).toBe(false);
  });

  it('asks no more after the end', async () => {
    await check.stop();
    vi.advanceTimersByTime(60_000);
    expect(names).toEqual([]);
  });

  it('goes on with the upstreams that stay, and asks those that come', () => {
    vi.advanceTimersByTime(500);
    const asked: string[] = [];
    const newcomer = {
      upstream: Object.defineProperty(makeUpstream(54), 'prober', {
        value: { ask: (question: Buffer) => asked.push(nameToText(question, 12)) },
      }),
      zone: 'test.',
    };
    check.replaceSuspects([suspect, newcomer]);
    vi.advanceTimersByTime(500);
    expect([names.length, asked.length]).toEqual([1, 1]);
    expect(check.sight(names[0])).toBe(true);
    check.replaceSuspects([newcomer]);
    expect(check.sight(names[0])).toBe(false);
    answer(false);
    vi.advanceTimersByTime(60_000);
    expect(names).toHaveLength(1);
  });
});
