import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostAddresses } from '../../../src/forward/host-lookup.ts';
import { NamedUpstreams } from '../../../src/forward/named-upstreams.ts';
import type { Upstream } from '../../../src/forward/upstream.ts';
import { Log } from '../../../src/log/log.ts';
import { makeUpstream } from '../../helpers/upstreams.ts';

const found = (ipv4: string[], ttlSeconds = 30, ipv6: string[] = []): HostAddresses => ({
  ipv4,
  ipv6,
  ttlSeconds,
  problem: '',
});
const FAILED: HostAddresses = { ipv4: null, ipv6: null, ttlSeconds: 0, problem: 'ETIMEOUT' };
const DENIED = found([], 0);

describe('upstreams behind a name', () => {
  let answer: HostAddresses | null;
  let lookUps: number;
  let made: string[];
  let stopped: string[];
  let lines: string[];
  let own: string[];
  let named: NamedUpstreams;
  let changes: number;

  beforeEach(() => {
    vi.useFakeTimers();
    [lookUps, changes] = [0, 0];
    [made, stopped, lines, own] = [[], [], [], []];
    named = new NamedUpstreams(
      { name: 'dns.test' },
      {
        lookup: {
          lookUp: (name) => {
            expect(name).toBe('dns.test');
            lookUps++;
            return answer === null ? new Promise(() => {}) : Promise.resolve(answer);
          },
        },
        log: new Log((line) => lines.push(line)),
        makeUpstream: (address) => {
          made.push(address);
          const upstream = makeUpstream(53, {
            target: { address, port: 53, sourceAddress: '', tls: null },
          });
          const stop = async () => void stopped.push(address);
          return Object.defineProperty(upstream, 'stop', { value: stop });
        },
        leadsBack: (address) => own.includes(address),
      },
    );
    named.follow(() => changes++);
  });

  afterEach(async () => {
    await named.stop();
    vi.useRealTimers();
  });

  const start = async (first: HostAddresses) => {
    answer = first;
    await named.start();
  };
  const addresses = () => named.upstreams.map(({ to }: Upstream) => to);
  /** Lets time pass, with `next` for whoever looks the name up meanwhile. */
  const pass = async (ms: number, next: HostAddresses) => {
    answer = next;
    await vi.advanceTimersByTimeAsync(ms);
  };

  it('are there when the start is over, in an order that does not change', async () => {
    await start(found(['10.0.0.2', '10.0.0.1'], 30, ['fd00::1']));
    expect(addresses()).toEqual(['10.0.0.1:53', '10.0.0.2:53', '[fd00::1]:53']);
    expect(named.problem).toBe('');
    expect(changes).toBe(1);
    await pass(30_000, found(['10.0.0.1', '10.0.0.2'], 30, ['fd00::1']));
    expect([lookUps, changes, made.length]).toEqual([2, 1, 3]);
  });

  it('follow what the name stands for; an address that stays keeps its upstream', async () => {
    await start(found(['10.0.0.1', '10.0.0.2']));
    const [, kept] = named.upstreams;
    await pass(30_000, found(['10.0.0.2', '10.0.0.3']));
    expect(addresses()).toEqual(['10.0.0.2:53', '10.0.0.3:53']);
    expect(named.upstreams[0]).toBe(kept);
    expect(made).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(stopped).toEqual(['10.0.0.1']);
    expect(changes).toBe(2);
    expect(lines.at(-1)).toBe('[INFO] "dns.test" is 10.0.0.2, 10.0.0.3');
  });

  it('are told of before the old ones stop', async () => {
    await start(found(['10.0.0.1']));
    const seen: unknown[] = [];
    named.follow(() => seen.push([addresses(), [...stopped]]));
    await pass(30_000, found(['10.0.0.2']));
    expect(seen).toEqual([[['10.0.0.2:53'], []]]);
  });

  it.each([
    [0, 5000],
    [20, 20_000],
    [86_400, 300_000],
  ])('with a TTL of %i s are looked up again after %i ms', async (ttlSeconds, ms) => {
    await start(found(['10.0.0.1'], ttlSeconds));
    await pass(ms - 1, found(['10.0.0.1']));
    expect(lookUps).toBe(1);
    await pass(1, found(['10.0.0.1']));
    expect(lookUps).toBe(2);
  });

  it.each([
    ['nobody answers', FAILED, 'ETIMEOUT'],
    ['the name is denied', DENIED, 'it has no address'],
  ])('stay when %s, which is said once, and the name is tried again', async (_, bad, why) => {
    await start(found(['10.0.0.1']));
    const [kept] = named.upstreams;
    await pass(30_000, bad);
    await pass(1000 + 2000, bad);
    expect(lookUps).toBe(4);
    expect(named.upstreams).toEqual([kept]);
    expect(named.problem).toBe(`resolving "dns.test": ${why}`);
    const errors = lines.filter((line) => line.startsWith('[ERROR]'));
    expect(errors).toEqual([
      `[ERROR] resolving "dns.test": ${why}; trying again, using 10.0.0.1 until it is`,
    ]);
    await pass(4000, found(['10.0.0.1']));
    expect(named.problem).toBe('');
    expect(lines.at(-1)).toBe('[INFO] "dns.test" is resolved again');
  });

  it('of a family that nobody could tell of stay', async () => {
    await start(found(['10.0.0.1'], 30, ['fd00::1']));
    await pass(30_000, { ipv4: ['10.0.0.2'], ipv6: null, ttlSeconds: 30, problem: 'ETIMEOUT' });
    expect(addresses()).toEqual(['10.0.0.2:53', '[fd00::1]:53']);
    await pass(30_000, found(['10.0.0.2']));
    expect(addresses()).toEqual(['10.0.0.2:53']);
  });

  it('come later when the name cannot be resolved at the start', async () => {
    await start(FAILED);
    expect(addresses()).toEqual([]);
    expect(named.problem).toBe('resolving "dns.test": ETIMEOUT');
    expect(lines).toEqual([
      '[ERROR] resolving "dns.test": ETIMEOUT; trying again, without it until it is',
    ]);
    await pass(1000, found(['10.0.0.1']));
    expect(addresses()).toEqual(['10.0.0.1:53']);
  });

  it('are tried for at least every 30 s', async () => {
    await start(FAILED);
    await pass(1000 + 2000 + 4000 + 8000 + 16_000, FAILED);
    expect(lookUps).toBe(6);
    await pass(30_000, FAILED);
    await pass(30_000, FAILED);
    expect(lookUps).toBe(8);
  });

  it('do not hold up the start for longer than 2 s', async () => {
    answer = null;
    let isStarted = false;
    const starting = named.start().then(() => {
      isStarted = true;
    });
    await vi.advanceTimersByTimeAsync(1999);
    expect(isStarted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await starting;
    expect(named.problem).toBe('resolving "dns.test": not looked up yet');
  });

  it('never are this server', async () => {
    own = ['10.0.0.1'];
    await start(found(['10.0.0.1', '10.0.0.2']));
    expect(addresses()).toEqual(['10.0.0.2:53']);
    own = ['10.0.0.1', '10.0.0.2'];
    await pass(30_000, found(['10.0.0.1', '10.0.0.2']));
    expect(addresses()).toEqual([]);
    expect(named.problem).toBe('resolving "dns.test": its addresses lead back to this server');
  });

  it('are 64 at most', async () => {
    await start(found(Array.from({ length: 70 }, (_, i) => `10.0.0.${i}`)));
    expect(named.upstreams).toHaveLength(64);
    expect(lines.at(-1)).toBe('[WARNING] "dns.test" has 70 addresses, using 64');
  });

  it('stop with the name, and it is looked up no more', async () => {
    await start(found(['10.0.0.1', '10.0.0.2']));
    await named.stop();
    expect(stopped).toEqual(['10.0.0.1', '10.0.0.2']);
    await pass(60_000, found(['10.0.0.3']));
    expect([lookUps, made.length]).toEqual([1, 2]);
  });
});
