import { describe, expect, test } from 'vitest';
import { cache } from '../../../src/plugins/cache.ts';
import type { CacheOptions } from '../../../src/plugins/cache-options.ts';
import { codeOf, parseWith } from '../../helpers/directive.ts';

/** Options of `cache ARGUMENTS { LINES }`. */
function read(args: string, ...lines: string[]): CacheOptions {
  return parseWith(cache, withBraces(args, lines));
}

function code(args: string, ...lines: string[]): string | null {
  return codeOf(cache, withBraces(args, lines));
}

function withBraces(args: string, lines: string[]): string {
  return `cache ${args}${lines.length === 0 ? '' : ` {\n${lines.join('\n')}\n}`}`;
}

describe('cache', () => {
  test('has the defaults of the original', () => {
    expect(read('')).toEqual({
      zones: ['.'],
      isPartial: false,
      success: { capacity: 10_000, maxTtlSeconds: 3600, minTtlSeconds: 5, disabledZones: [] },
      denial: { capacity: 10_000, maxTtlSeconds: 1800, minTtlSeconds: 5, disabledZones: [] },
      servfailSeconds: 5,
      prefetch: { amount: 0, durationMs: 60_000, percent: 10 },
      staleMs: 0,
      stale: { verify: false, verifyTimeoutMs: 0, ttlSeconds: 0, recheckMs: 1000 },
      preferPositive: false,
      guard: { zones: [], durationMs: 0 },
      cutZones: [],
      keepTtl: false,
    });
  });

  test('takes a number as the TTL of both classes', () => {
    const { success, denial, zones } = read('25 Example.org 10.0.0.0/23');
    expect([success.maxTtlSeconds, denial.maxTtlSeconds]).toEqual([25, 25]);
    expect(zones).toEqual(['example.org.', '0.0.10.in-addr.arpa.', '1.0.10.in-addr.arpa.']);
  });

  test('takes the first word as a zone when it is no number', () => {
    const options = read('example.org');
    expect(options.zones).toEqual(['example.org.']);
    expect(options.isPartial).toBe(true);
    expect(options.success.maxTtlSeconds).toBe(3600);
  });

  test('refuses a TTL of 0 or less, and a second use in a block', () => {
    expect(code('0')).toBe('argument-value');
    expect(code('-1')).toBe('argument-value');
    expect(cache.repeatable).toBe(false);
  });

  test('refuses an option it does not know', () => {
    expect(code('', 'serve-stale')).toBe('unknown-option');
    expect(code('10', '1')).toBe('unknown-option');
  });

  test('is frozen', () => {
    const options = read('');
    expect(Object.isFrozen(options) && Object.isFrozen(options.success)).toBe(true);
  });
});

describe('success and denial', () => {
  test('take capacity, TTL and least TTL', () => {
    expect(read('', 'success 10 1800 30').success).toMatchObject({
      capacity: 10,
      maxTtlSeconds: 1800,
      minTtlSeconds: 30,
    });
    expect(read('', 'success 9984 30', 'denial 10 15 2').denial).toMatchObject({
      capacity: 10,
      maxTtlSeconds: 15,
      minTtlSeconds: 2,
    });
    expect(read('20', 'success 10').success.maxTtlSeconds).toBe(20);
    expect(read('', 'success 10 86400').success.maxTtlSeconds).toBe(86_400);
  });

  test.each([
    ['success', 'argument-count'],
    ['denial', 'argument-count'],
    ['success blurp', 'argument-value'],
    ['success 10 0', 'argument-value'],
    ['denial 10 -1', 'argument-value'],
    ['success 10 x', 'argument-value'],
    ['denial 10 15 -1', 'argument-value'],
    ['denial 10 15 x', 'argument-value'],
  ])('refuses %s', (line, expected) => {
    expect(code('', line)).toBe(expected);
  });
});

describe('prefetch', () => {
  test('takes amount, duration and percentage', () => {
    expect(read('', 'prefetch 10').prefetch).toEqual({
      amount: 10,
      durationMs: 60_000,
      percent: 10,
    });
    expect(read('', 'prefetch 0').prefetch.amount).toBe(0);
    expect(read('', 'prefetch 3 1h20m 90%').prefetch).toEqual({
      amount: 3,
      durationMs: 4_800_000,
      percent: 90,
    });
  });

  test.each([
    ['prefetch', 'argument-count'],
    ['prefetch -1', 'argument-value'],
    ['prefetch 0 blurp', 'argument-value'],
    ['prefetch 1 1m 9%', 'argument-value'],
    ['prefetch 1 1m 91%', 'argument-value'],
    ['prefetch 1 1m 10', 'argument-value'],
    ['prefetch 1 1m %', 'argument-value'],
    ['prefetch 1 1m 10% x', 'argument-count'],
  ])('refuses %s', (line, expected) => {
    expect(code('', line)).toBe(expected);
  });
});

describe('nxdomain_cut', () => {
  test('is for zones below the root', () => {
    expect(read('', 'nxdomain_cut a.test B.test').cutZones).toEqual(['a.test.', 'b.test.']);
    expect(read('30 cluster.local', 'nxdomain_cut').cutZones).toEqual(['cluster.local.']);
    expect(code('', 'nxdomain_cut')).toBe('argument-value');
    expect(code('', 'nxdomain_cut a.test .')).toBe('argument-value');
  });
});

describe('guard', () => {
  test('is for the zones it names, else for those of the cache', () => {
    expect(read('', 'guard 30s').guard).toEqual({ zones: ['.'], durationMs: 30_000 });
    expect(read('30 a.test', 'guard 1h').guard).toEqual({
      zones: ['a.test.'],
      durationMs: 3_600_000,
    });
    expect(read('', 'guard 1m B.test c.test').guard.zones).toEqual(['b.test.', 'c.test.']);
  });

  test.each([
    ['guard', 'argument-count'],
    ['guard 30', 'argument-value'],
    ['guard 999ms', 'argument-value'],
    ['guard 61m', 'argument-value'],
    ['guard a.test', 'argument-value'],
  ])('refuses %s', (line, expected) => {
    expect(code('', line)).toBe(expected);
  });
});

describe('serve_stale', () => {
  test.each([
    ['serve_stale', 3_600_000, false],
    ['serve_stale 20m', 1_200_000, false],
    ['serve_stale 1h20m', 4_800_000, false],
    ['serve_stale 0m', 0, false],
    ['serve_stale 0', 0, false],
    ['serve_stale 0 verify', 0, true],
    ['serve_stale 0 VERIFY', 0, true],
    ['serve_stale 1h Immediate', 3_600_000, false],
  ])('%s', (line, staleMs, verify) => {
    const options = read('', line);
    expect(options.staleMs).toBe(staleMs);
    expect(options.stale.verify).toBe(verify);
  });

  test('takes how long to wait, what to show and when to ask again', () => {
    expect(read('', 'serve_stale 1h verify 100ms 30s 10s').stale).toEqual({
      verify: true,
      verifyTimeoutMs: 100,
      ttlSeconds: 30,
      recheckMs: 10_000,
    });
    expect(read('', 'serve_stale 1h immediate 30s 0').stale).toEqual({
      verify: false,
      verifyTimeoutMs: 0,
      ttlSeconds: 30,
      recheckMs: 0,
    });
  });

  test.each([
    ['serve_stale 20', 'argument-value'],
    ['serve_stale -20m', 'argument-value'],
    ['serve_stale aa', 'argument-value'],
    ['serve_stale 1m nono', 'argument-value'],
    ['serve_stale 0 after 20m', 'argument-value'],
    ['serve_stale 1h verify fast', 'argument-value'],
    ['serve_stale 1h verify 1s 1s 6m', 'argument-value'],
    ['serve_stale 1h immediate 1s 1s 1s', 'argument-count'],
    ['serve_stale 1h verify 1s 1s 1s 1s', 'argument-count'],
    ['serve_stale_policy', 'argument-count'],
    ['serve_stale_policy sometimes', 'unknown-option'],
  ])('refuses %s', (line, expected) => {
    expect(code('', line)).toBe(expected);
  });

  test('may prefer positive answers', () => {
    expect(read('', 'serve_stale', 'serve_stale_policy prefer_positive').preferPositive).toBe(true);
  });
});

describe('servfail, disable and keepttl', () => {
  test.each([
    ['servfail 1s', 1],
    ['servfail 5m', 300],
    ['servfail 0s', 0],
    ['servfail 0', 0],
    ['servfail 1500ms', 1],
  ])('%s', (line, seconds) => {
    expect(read('', line).servfailSeconds).toBe(seconds);
  });

  test('disable takes zones, by default all', () => {
    const options = read('', 'disable denial Example.COM example.org', 'disable success');
    expect(options.denial.disabledZones).toEqual(['example.com.', 'example.org.']);
    expect(options.success.disabledZones).toEqual(['.']);
  });

  test('keepttl', () => {
    expect(read('', 'keepttl').keepTtl).toBe(true);
  });

  test.each([
    ['servfail', 'argument-count'],
    ['servfail 6m', 'argument-value'],
    ['servfail 20', 'argument-value'],
    ['servfail -1s', 'argument-value'],
    ['servfail aa', 'argument-value'],
    ['servfail 1s invalid', 'argument-count'],
    ['disable', 'argument-count'],
    ['disable invalid', 'unknown-option'],
    ['disable success a..b', 'server-key'],
    ['keepttl arg1', 'argument-count'],
  ])('refuses %s', (line, expected) => {
    expect(code('', line)).toBe(expected);
  });
});
