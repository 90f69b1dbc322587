import { describe, expect, test } from 'vitest';
import {
  KIND_DELEGATION,
  KIND_NAME_ERROR,
  KIND_NO_DATA,
  KIND_OTHER,
  KIND_SERVER_ERROR,
  KIND_SUCCESS,
} from '../../../src/cache/classification.ts';
import { lifetimeSeconds } from '../../../src/cache/lifetime.ts';
import { a, makeAnswer, ns, type Reply, soa } from '../../helpers/cache-fixture.ts';

const OPTIONS = {
  success: { minTtlSeconds: 5, maxTtlSeconds: 3600 },
  denial: { minTtlSeconds: 5, maxTtlSeconds: 1800 },
  servfailSeconds: 5,
};

function lifetime(reply: Reply, kind: number, options = OPTIONS): number {
  return lifetimeSeconds(makeAnswer({ name: 'a.test' }, reply), kind, options);
}

function clamped(ttl: number, minTtlSeconds: number, maxTtlSeconds: number): number {
  const success = { minTtlSeconds, maxTtlSeconds };
  return lifetime({ answers: [a(ttl)] }, KIND_SUCCESS, { ...OPTIONS, success });
}

describe('the lifetime of an answer', () => {
  test('lies within its bounds', () => {
    expect(clamped(1800, 300, 3600)).toBe(1800);
    expect(clamped(299, 300, 3600)).toBe(300);
    expect(clamped(299, 0, 3600)).toBe(299);
    expect(clamped(3601, 0, 3600)).toBe(3600);
  });
  test('the maximum wins over the minimum', () => {
    expect(clamped(60, 5, 3)).toBe(3);
  });
  test('a maximum above an hour is kept', () => {
    expect(clamped(86_400, 5, 86_400)).toBe(86_400);
  });
  test('0 becomes the minimum', () => {
    expect(clamped(0, 5, 3600)).toBe(5);
    expect(clamped(0, 0, 3600)).toBe(0);
  });
  test('the smallest TTL of all sections counts', () => {
    const additionals = [{ ...a(20), name: 'ns.test' }] as never;
    expect(lifetime({ answers: [a(300), a(90)], additionals }, KIND_SUCCESS)).toBe(20);
  });
  test('the TTL of a SOA record counts, its MINIMUM field does not', () => {
    const authorities = [soa(1800, 3600)];
    expect(lifetime({ authorities }, KIND_NO_DATA)).toBe(1800);
    expect(lifetime({ authorities: [soa(600, 60)] }, KIND_NAME_ERROR)).toBe(600);
  });
  test('denials have bounds of their own', () => {
    expect(lifetime({ authorities: [soa(3600)] }, KIND_NO_DATA)).toBe(1800);
  });
  test('is 5 s without records, and for what is no proper answer', () => {
    expect(lifetime({}, KIND_SUCCESS)).toBe(5);
    expect(lifetime({ authorities: [ns(300)] }, KIND_DELEGATION)).toBe(5);
    expect(lifetime({ answers: [a(300)] }, KIND_OTHER)).toBe(5);
  });
  test('is 5 s at most for others where the maximum is less', () => {
    const options = { ...OPTIONS, success: { minTtlSeconds: 5, maxTtlSeconds: 3 } };
    expect(lifetime({}, KIND_OTHER, options)).toBe(3);
  });
  test('of a server error is configured', () => {
    expect(lifetime({}, KIND_SERVER_ERROR, { ...OPTIONS, servfailSeconds: 30 })).toBe(30);
  });
});
