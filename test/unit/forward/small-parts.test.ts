import { describe, expect, it } from 'vitest';
import {
  Attempt,
  DIFFERS,
  LETTERS_DIFFER,
  MATCHES,
  matchQuestion,
} from '../../../src/forward/attempt.ts';
import { Policy } from '../../../src/forward/policy.ts';
import { jittered, random16 } from '../../../src/forward/random.ts';
import { RoundTrip } from '../../../src/forward/round-trip.ts';
import { addressText } from '../../../src/forward/upstream.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { makeUpstream } from '../../helpers/upstreams.ts';

describe('policy', () => {
  const list = ['a', 'b', 'c'];

  it('keeps the order with sequential', () => {
    expect(new Policy('sequential').order(list)).toEqual(list);
  });

  it('begins with the next one each time with round_robin, the second one first', () => {
    const policy = new Policy('round_robin');
    expect([1, 2, 3, 4].map(() => policy.order(list).join(''))).toEqual([
      'bac',
      'cab',
      'abc',
      'bac',
    ]);
  });

  it('gives every order about as often with random, and leaves the list alone', () => {
    const policy = new Policy('random');
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = policy.order(list).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    expect(Math.min(...counts.values())).toBeGreaterThan(850);
    expect(list).toEqual(['a', 'b', 'c']);
  });
});

describe('round trip', () => {
  it('starts with the first measurement and half of it as deviation', () => {
    const roundTrip = new RoundTrip();
    expect(roundTrip.isMeasured).toBe(false);
    roundTrip.observe(10);
    expect(roundTrip.isMeasured).toBe(true);
    expect(roundTrip.meanMs).toBe(10);
    expect(roundTrip.timeoutMs).toBe(30);
  });

  it('closes in on a steady upstream', () => {
    const roundTrip = new RoundTrip();
    for (let i = 0; i < 100; i++) roundTrip.observe(20);
    expect(roundTrip.timeoutMs).toBeCloseTo(20, 3);
  });

  it('allows for an upstream that varies', () => {
    const roundTrip = new RoundTrip();
    for (let i = 0; i < 100; i++) roundTrip.observe(i % 2 === 0 ? 10 : 50);
    expect(roundTrip.timeoutMs).toBeGreaterThan(90);
    expect(roundTrip.timeoutMs).toBeLessThan(150);
  });
});

describe('random numbers', () => {
  it('fill their range evenly across pools', () => {
    const buckets = new Array(16).fill(0);
    for (let i = 0; i < 16_000; i++) buckets[random16() >> 12]++;
    expect(Math.min(...buckets)).toBeGreaterThan(800);
  });

  it('move a value by a quarter at most', () => {
    const values = Array.from({ length: 1000 }, () => jittered(100));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...values)).toBeLessThanOrEqual(125);
    expect(jittered(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('matchQuestion', () => {
  const query = makeQuery('a1.Test.', { type: 'HTTPS' });
  const owner = { answered() {}, failed() {}, doubted() {} };
  const upstream = makeUpstream(53);
  const exchange = upstream.exchange('udp');
  const attempt = new Attempt(query, owner, upstream, exchange, 0);
  const reply = (change: (message: Buffer) => void = () => {}) => {
    const message = Buffer.from(query.wire);
    message[2] |= 0x80;
    change(message);
    return matchQuestion(message, 0, message.length, attempt);
  };

  it('takes the same question in any letter case', () => {
    expect(reply()).toBe(MATCHES);
    expect(reply((message) => message.write('A1', 13))).toBe(MATCHES);
  });

  it.each<[string, (message: Buffer) => void]>([
    ['a query', (message) => message.writeUInt16BE(0x0100, 2)],
    ['no question', (message) => message.writeUInt16BE(0, 4)],
    ['two questions', (message) => message.writeUInt16BE(2, 4)],
    ['another name', (message) => message.write('b1', 13)],
    // 0x31 and 0x11 differ in the bit that tells small letters from capitals, but are none.
    ['an octet that only looks like another case', (message) => message.writeUInt8(0x11, 14)],
    // HTTPS is 65 and 97 is another type: "A" and "a" as letters.
    ['another type', (message) => message.writeUInt8(97, query.questionEnd - 3)],
    ['another class', (message) => message.writeUInt8(3, query.questionEnd - 1)],
  ])('refuses %s', (_what, change) => {
    expect(reply(change)).toBe(DIFFERS);
  });

  it('refuses a message cut within the question', () => {
    const message = Buffer.from(query.wire);
    message[2] |= 0x80;
    expect(matchQuestion(message, 0, query.questionEnd - 1, attempt)).toBe(DIFFERS);
  });

  it('sees other letters where they were chosen by chance', () => {
    const wire = Buffer.from(query.wire);
    wire.write('A1.tEST', 13);
    const shuffled = new Attempt(query, owner, upstream, exchange, 0, wire);
    const replied = (letters: string) => {
      const message = Buffer.from(wire);
      message[2] |= 0x80;
      message.write(letters, 13);
      return matchQuestion(message, 0, message.length, shuffled);
    };
    expect(replied('A1.tEST')).toBe(MATCHES);
    expect(replied('a1.tEST')).toBe(LETTERS_DIFFER);
    expect(replied('b1.tEST')).toBe(DIFFERS);
  });
});

describe('address text', () => {
  it('puts brackets around IPv6', () => {
    expect(addressText('192.0.2.1', 53)).toBe('192.0.2.1:53');
    expect(addressText('2001:db8::1', 53)).toBe('[2001:db8::1]:53');
  });
});
