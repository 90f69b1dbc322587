import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../../../src/forward/attempt.ts';
import type { Upstream } from '../../../src/forward/upstream.ts';
import { freePort } from '../../helpers/free-port.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { addressRule, ScriptedUpstream } from '../../helpers/scripted-upstream.ts';
import { makeUpstream, startAttempt } from '../../helpers/upstreams.ts';

let server: ScriptedUpstream;
let upstream: Upstream;
let exchange: Exchange;

beforeEach(async () => {
  server = await new ScriptedUpstream([
    { name: '*', type: 'A', reply: { answer: ['a.test. 60 IN A 192.0.2.1'] } },
  ]).start();
  upstream = makeUpstream(server.port);
  exchange = upstream.exchange('udp');
});

afterEach(async () => {
  await upstream.stop();
  await server.stop();
});

const ask = (name: string) => startAttempt(upstream, exchange, makeQuery(name)).ended;

describe('udp exchange', () => {
  it('sends a query as it was received but for its ID', async () => {
    const query = makeQuery('a.test.');
    const { answer } = await startAttempt(upstream, exchange, query).ended;
    expect(answer?.answerCount).toBe(1);
    expect(server.seen[0].message.subarray(2).equals(query.wire.subarray(2))).toBe(true);
    expect(query.id).toBe(0x1234);
  });

  it('spreads IDs and source ports so that neither can be guessed from others', async () => {
    for (let i = 0; i < 1200; i++) await ask('a.test.');
    const ids = server.seen.map(({ id }) => id);
    const ports = server.seen.map(({ port }) => port);
    // Of 1,200 random IDs about 11 come twice; a counter or a small pool would show at once.
    expect(new Set(ids).size).toBeGreaterThan(1150);
    const upperHalf = ids.filter((id) => id >= 0x8000).length;
    expect(upperHalf).toBeGreaterThan(500);
    expect(upperHalf).toBeLessThan(700);
    const steps = ids.slice(1).map((id, i) => (id - ids[i] + 0x10000) & 0xffff);
    expect(new Set(steps).size).toBeGreaterThan(1150);
    const uses = Map.groupBy(ports, (port) => port);
    expect(uses.size).toBeGreaterThan(20);
    expect(Math.max(...[...uses.values()].map((list) => list.length))).toBeLessThan(90);
    const sorted = [...uses.keys()].sort((a, b) => a - b);
    expect(sorted[sorted.length - 1] - sorted[0]).toBeGreaterThan(5000);
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
    expect(upstream.counters.ignored).toBe(4);
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
    first.attempt.forget();
    expect((await ask('a.test.')).answer?.answerCount).toBe(1);
  });

  it('fails at once where nobody listens', async () => {
    const port = await freePort();
    const closed = makeUpstream(port);
    const { ended } = startAttempt(closed, closed.exchange('udp'), makeQuery('a.test.'));
    expect((await ended).error).toBe(`udp 127.0.0.1:${port}: read: connection refused`);
    await closed.stop();
  });

  it('fails where the source address is not ours', async () => {
    const foreign = makeUpstream(server.port, {
      target: { address: '127.0.0.1', port: server.port, sourceAddress: '192.0.2.9', tls: null },
    });
    const { ended } = startAttempt(foreign, foreign.exchange('udp'), makeQuery('a.test.'));
    expect((await ended).answer).toBeNull();
    await foreign.stop();
  });

  it('sends from the source address it is given', async () => {
    const from = makeUpstream(server.port, {
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

  it('takes large answers whole', async () => {
    const records = Array.from({ length: 90 }, (_, i) => `a.test. 60 IN A 192.0.2.${i}`);
    server.rules = [{ name: 'a.test.', reply: { answer: records } }];
    expect((await ask('a.test.')).answer?.answerCount).toBe(90);
  });
});
