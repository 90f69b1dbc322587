import packet from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HealthCheck } from '../../../src/forward/health-check.ts';
import type { Prober } from '../../../src/forward/prober.ts';
import type { Upstream } from '../../../src/forward/upstream.ts';
import { UpstreamCounters } from '../../../src/forward/upstream-counters.ts';
import { freePort } from '../../helpers/free-port.ts';
import { addressRule, ScriptedUpstream } from '../../helpers/scripted-upstream.ts';
import { makeUpstream } from '../../helpers/upstreams.ts';

describe('health check', () => {
  let results: boolean[] = [];
  let asked = 0;
  let alive = 0;
  const prober: Prober = {
    ask: (_question, done) => {
      asked++;
      setTimeout(() => done(results.shift() ?? false), 1000);
    },
  };
  const counters = new UpstreamCounters();
  let check: HealthCheck;

  beforeEach(() => {
    vi.useFakeTimers();
    asked = 0;
    alive = 0;
    results = [];
    check = new HealthCheck(
      { intervalMs: 500, recursionDesired: true, domain: '.' },
      Buffer.alloc(0),
      { prober, counters, onAlive: () => alive++ },
    );
  });

  afterEach(() => {
    check.stop();
    vi.useRealTimers();
  });

  it('sends nothing until it is started, and one question however often it is', () => {
    vi.advanceTimersByTime(5000);
    expect(asked).toBe(0);
    check.start();
    check.start();
    expect(asked).toBe(1);
  });

  it('ends when a query is answered, and begins anew with one check at a time', () => {
    check.start();
    vi.advanceTimersByTime(1200);
    expect(check.fails).toBe(1);
    check.noteAlive();
    expect([check.fails, check.isRunning]).toEqual([0, false]);
    vi.advanceTimersByTime(5000);
    expect(asked).toBe(1);
    check.start();
    check.noteAlive();
    // The check that was under way goes on.
    check.start();
    expect(asked).toBe(2);
    vi.advanceTimersByTime(1000);
    expect(check.fails).toBe(1);
    vi.advanceTimersByTime(500);
    expect(asked).toBe(3);
  });

  it('asks again after the interval until it is answered', () => {
    results = [false, false, true];
    check.start();
    vi.advanceTimersByTime(1000);
    expect(check.fails).toBe(1);
    expect(asked).toBe(1);
    vi.advanceTimersByTime(500);
    expect(asked).toBe(2);
    vi.advanceTimersByTime(2500);
    expect(asked).toBe(3);
    expect([check.fails, check.isRunning, alive]).toEqual([0, false, 1]);
    vi.advanceTimersByTime(5000);
    expect(asked).toBe(3);
  });

  it('counts failures', () => {
    const before = counters.healthCheckFailures;
    check.start();
    vi.advanceTimersByTime(4200);
    expect(check.fails).toBe(3);
    expect(counters.healthCheckFailures - before).toBe(3);
  });

  it('ends when it is stopped', () => {
    check.start();
    check.stop();
    vi.advanceTimersByTime(5000);
    expect(asked).toBe(1);
    expect(check.fails).toBe(0);
  });
});

describe('upstream health', () => {
  let server: ScriptedUpstream;
  let upstream: Upstream;

  beforeEach(async () => {
    server = await new ScriptedUpstream([{ name: '*', reply: { rcode: 'REFUSED' } }]).start();
  });

  afterEach(async () => {
    await upstream.stop();
    await server.stop();
  });

  const untilChecked = () => vi.waitFor(() => expect(upstream.isSuspect).toBe(false));

  it('asks for the name servers of the root over UDP, and takes any answer', async () => {
    upstream = makeUpstream(server.port);
    upstream.check();
    expect(upstream.isSuspect).toBe(true);
    await untilChecked();
    expect(server.questions).toEqual(['udp . NS']);
    expect(packet.decode(server.seen[0].message).flag_rd).toBe(true);
    expect(upstream.lastHeardAtMs).toBeGreaterThan(0);
  });

  it('asks over TCP, another name, without recursion, where the options say so', async () => {
    upstream = makeUpstream(server.port, {
      checkOverTcp: true,
      healthCheck: { intervalMs: 500, recursionDesired: false, domain: 'example.org.' },
    });
    upstream.check();
    await untilChecked();
    expect(server.questions).toEqual(['tcp example.org NS']);
    expect(packet.decode(server.seen[0].message).flag_rd).toBe(false);
  });

  it('is down with more failed checks than allowed, and up again after a good one', async () => {
    const port = await freePort();
    upstream = makeUpstream(port, {
      healthCheck: { intervalMs: 10, recursionDesired: true, domain: '.' },
    });
    upstream.check();
    expect(upstream.isDown(2)).toBe(false);
    await vi.waitFor(() => expect(upstream.isDown(2)).toBe(true));
    expect(upstream.isDown(0)).toBe(false);
    expect(upstream.counters.healthCheckFailures).toBeGreaterThan(2);
  });

  it('passes over a reply with another ID', async () => {
    server.rules = [addressRule('*', '192.0.2.1', { type: 'NS', reply: { wrongId: true } })];
    upstream = makeUpstream(server.port);
    upstream.check();
    await vi.waitFor(() => expect(server.seen).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(upstream.isSuspect).toBe(true);
  });
});
