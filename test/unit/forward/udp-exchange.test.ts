import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../../../src/forward/attempt.ts';
import { DgramSockets } from '../../../src/forward/dgram-sockets.ts';
import { batchedSockets, type UdpSockets } from '../../../src/forward/udp-sockets.ts';
import type { Upstream, UpstreamOptions } from '../../../src/forward/upstream.ts';
import { monotonicClock } from '../../../src/log/clock.ts';
import { loadLibc } from '../../../src/sockets/libc.ts';
import { freePort } from '../../helpers/free-port.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { addressRule, ScriptedUpstream } from '../../helpers/scripted-upstream.ts';
import { makeUpstream, startAttempt } from '../../helpers/upstreams.ts';

/** Both ways to the network; the first where the C library can be called. */
const { libc } = loadLibc();
const KINDS: (readonly [string, UdpSockets])[] = [
  ...(libc === null ? [] : [['batched', batchedSockets(libc)] as const]),
  ['dgram', new DgramSockets()] as const,
];

describe.each(KINDS)('udp exchange on %s sockets', (kind, sockets) => {
  let server: ScriptedUpstream;
  let upstream: Upstream;
  let exchange: Exchange;

  beforeEach(async () => {
    server = await new ScriptedUpstream([
      { name: '*', type: 'A', reply: { answer: ['a.test. 60 IN A 192.0.2.1'] } },
    ]).start();
    upstream = upstreamAt(server.port);
    exchange = upstream.exchange('udp');
  });

  afterEach(async () => {
    await upstream.stop();
    await server.stop();
  });

  /** Asks in groups that leave together, as misses of one batch do. */
  const askMany = async (count: number) => {
    for (let i = 0; i < count; i += 16) {
      await Promise.all(Array.from({ length: 16 }, () => ask('a.test.')));
    }
  };
  const upstreamAt = (port: number, options: Partial<UpstreamOptions> = {}) =>
    makeUpstream(port, options, monotonicClock, sockets);

  const ask = (name: string) => startAttempt(upstream, exchange, makeQuery(name)).ended;

  it('sends a query as it was received but for its ID', async () => {
    const query = makeQuery('a.test.');
    const { answer } = await startAttempt(upstream, exchange, query).ended;
    expect(answer?.answerCount).toBe(1);
    expect(server.seen[0].message.subarray(2).equals(query.wire.subarray(2))).toBe(true);
    expect(query.id).toBe(0x1234);
  });

  it('draws IDs that pass a test of randomness', async () => {
    await askMany(4096);
    const ids = server.seen.map(({ id }) => id);
    // 99.99 % of fair draws stay below 42 with 15 degrees of freedom, and below 108 with 63.
    expect(
      chiSquare(
        ids.map((id) => id >> 12),
        16,
      ),
    ).toBeLessThan(42);
    expect(
      chiSquare(
        ids.map((id) => id & 15),
        16,
      ),
    ).toBeLessThan(42);
    expect(
      chiSquare(
        ids.slice(1).map((id, i) => ((id - ids[i]) & 0xffff) >> 10),
        64,
      ),
    ).toBeLessThan(108);
    // About 4,096² / 2 / 65,536 = 128 pairs are equal; a counter or a small pool would show at once.
    expect(4096 - new Set(ids).size).toBeLessThan(185);
    expect(4096 - new Set(ids).size).toBeGreaterThan(75);
  });

  it('draws ports from the whole range of the system, and for a few queries each', async () => {
    await askMany(4096);
    const ports = server.seen.map(({ port }) => port);
    const uses = Map.groupBy(ports, (port) => port);
    // 32 queries each, a quarter more or less, and those of one turn.
    expect(uses.size).toBeGreaterThan(80);
    expect(Math.max(...[...uses.values()].map((list) => list.length))).toBeLessThan(90);
    const drawn = [...uses.keys()];
    const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    const eighths = drawn.map((port) => Math.floor((8 * (port - low)) / (high + 1 - low)));
    // 99.99 % of fair draws stay below 30 with 7 degrees of freedom.
    expect(chiSquare(eighths, 8)).toBeLessThan(30);
  });

  it('chooses among its ports so that the next one cannot be told', async () => {
    for (let i = 0; i < 800; i++) await ask('a.test.');
    const ports = server.seen.map(({ port }) => port);
    const repeats = ports.filter((port, i) => i > 0 && port === ports[i - 1]).length;
    // One time in eight, 100 of 800, less what was replaced.
    expect(repeats).toBeGreaterThan(55);
    expect(repeats).toBeLessThan(145);
  });

  it('passes over answers with another ID, to another question and that come twice', async () => {
    const reply = { answer: ['a.test. 60 IN A 192.0.2.66'] };
    server.rules = [
      { name: 'id.test.', reply: { ...reply, wrongId: true } },
      { name: 'question.test.', reply: { ...reply, question: 'other.test. A' } },
      { name: 'type.test.', reply: { ...reply, question: 'type.test. AAAA' } },
      { name: 'garbage.test.', garbage: Buffer.alloc(20, 0xff) },
      addressRule('last.test.', '192.0.2.1'),
    ];
    const wrong = ['id', 'question', 'type', 'garbage'].map((label) => ask(`${label}.test.`));
    await ask('last.test.');
    await sleep(20);
    expect(upstream.counters.ignored).toMatchObject({ id: 1, question: 3 });
    expect(await Promise.race([...wrong, sleep(1, 'waiting')])).toBe('waiting');
  });

  it('takes the right answer after a wrong one', async () => {
    server.rules = [
      { name: 'a.test.', garbage: Buffer.alloc(30), copies: 3, times: 1 },
      addressRule('a.test.', '192.0.2.1'),
    ];
    const first = startAttempt(upstream, exchange, makeQuery('a.test.'));
    while (server.seen.length < 1) await sleep(1);
    const [{ id, port }] = server.seen;
    const right = Buffer.from(server.seen[0].message);
    right.writeUInt16BE(id, 0);
    right[2] |= 0x80;
    // From the right address and another port: a stranger who knows everything else.
    const stranger = createSocket('udp4');
    await new Promise<void>((resolve) => stranger.send(right, port, '127.0.0.1', () => resolve()));
    await sleep(20);
    stranger.close();
    expect(await Promise.race([first.ended, sleep(1, 'waiting')])).toBe('waiting');
    // A connected socket of node:dgram never sees it.
    expect(upstream.counters.ignored.source).toBe(kind === 'batched' ? 1 : 0);
    first.attempt.forget();
    expect((await ask('a.test.')).answer?.answerCount).toBe(1);
  });

  it('fails at once where nobody listens', async () => {
    const port = await freePort();
    const closed = upstreamAt(port);
    const { ended } = startAttempt(closed, closed.exchange('udp'), makeQuery('a.test.'));
    const startMs = performance.now();
    expect((await ended).error).toMatch(
      /^udp 127\.0\.0\.1:\d+ \(open for \d+ms\): read: connection refused$/,
    );
    expect(performance.now() - startMs).toBeLessThan(1000);
    await closed.stop();
  });

  it('fails where the source address is not ours', async () => {
    const foreign = upstreamAt(server.port, {
      target: { address: '127.0.0.1', port: server.port, sourceAddress: '192.0.2.9', tls: null },
    });
    const { ended } = startAttempt(foreign, foreign.exchange('udp'), makeQuery('a.test.'));
    expect((await ended).error).toMatch(
      /udp 127.0.0.1:\d+ \(open for \d+ms\): read: .*(address|EADDRNOTAVAIL)/,
    );
    await foreign.stop();
  });

  it('sends from the source address it is given', async () => {
    const from = upstreamAt(server.port, {
      target: { address: '127.0.0.1', port: server.port, sourceAddress: '127.0.0.1', tls: null },
    });
    const { ended } = startAttempt(from, from.exchange('udp'), makeQuery('a.test.'));
    expect((await ended).answer?.answerCount).toBe(1);
    await from.stop();
  });

  it('leaves a port that stays silent', async () => {
    server.rules = [{ name: 'lost.test.', drop: true }, ...server.rules];
    const lost = startAttempt(upstream, exchange, makeQuery('lost.test.'));
    while (server.seen.length < 1) await sleep(1);
    exchange.missed(lost.attempt);
    server.rules = server.rules.slice(1);
    for (let i = 0; i < 40; i++) await ask('a.test.');
    const silentPort = server.seen[0].port;
    expect(server.seen.slice(1).every(({ port }) => port !== silentPort)).toBe(true);
    lost.attempt.forget();
  });

  it('leaves every port that has been silent, as all may be tied to a pod that is gone', async () => {
    for (let i = 0; i < 60; i++) await ask('a.test.');
    server.rules = [{ name: 'lost.test.', drop: true }, ...server.rules];
    const before = new Set(server.seen.map(({ port }) => port));
    const lost = startAttempt(upstream, exchange, makeQuery('lost.test.'));
    while (server.seen.length < 61) await sleep(1);
    exchange.missed(lost.attempt);
    server.seen.length = 0;
    for (let i = 0; i < 40; i++) await ask('a.test.');
    expect(server.seen.filter(({ port }) => before.has(port))).toEqual([]);
    lost.attempt.forget();
  });

  it('holds a bounded number of ports while nobody answers, and none when all is over', async () => {
    server.rules = [{ name: '*', drop: true }];
    const attempts = [];
    for (let i = 0; i < 400; i++) {
      const { attempt } = startAttempt(upstream, exchange, makeQuery('a.test.'));
      attempts.push(attempt);
      exchange.missed(attempt);
    }
    expect(upstream.counters.sockets.udp).toBeLessThanOrEqual(72);
    expect(upstream.counters.sockets.udp).toBeGreaterThan(50);
    for (const attempt of attempts) attempt.forget();
    exchange.close();
    expect(upstream.counters.sockets.udp).toBe(0);
  });

  it('takes large answers whole', async () => {
    const records = Array.from({ length: 90 }, (_, i) => `a.test. 60 IN A 192.0.2.${i}`);
    server.rules = [{ name: 'a.test.', reply: { answer: records } }];
    expect((await ask('a.test.')).answer?.answerCount).toBe(90);
  });
});

/** How far `values`, from 0 to `classes − 1`, are from being equally frequent. */
function chiSquare(values: readonly number[], classes: number): number {
  const expected = values.length / classes;
  const counts = new Array<number>(classes).fill(0);
  for (const value of values) counts[value]++;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}
