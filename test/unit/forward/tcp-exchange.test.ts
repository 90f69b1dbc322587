import { once } from 'node:events';
import { createServer } from 'node:net';
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
  exchange = upstream.exchange('tcp');
});

afterEach(async () => {
  await upstream.stop();
  await server.stop();
});

const ask = (name: string) => startAttempt(upstream, exchange, makeQuery(name)).ended;
const askAll = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(`n${i}.test.`)));

/** The name in an answer's question. */
const nameOf = (wire: Buffer | undefined) => wire?.toString('latin1', 13, 13 + (wire[12] ?? 0));

describe('tcp exchange', () => {
  it('sends many queries over one connection', async () => {
    const ends = await askAll(20);
    expect(ends.every(({ answer }) => answer?.answerCount === 1)).toBe(true);
    expect(server.accepted).toBe(1);
    expect(upstream.counters.reuse.tcp).toEqual({ hits: 19, misses: 1 });
  });

  it('asks with IDs of its own that differ from each other', async () => {
    await askAll(20);
    const ids = server.seen.map(({ id }) => id);
    expect(new Set(ids).size).toBe(20);
    expect(ids.filter((id) => id === 0x1234).length).toBeLessThan(2);
  });

  it('sends a query as it was received but for its ID', async () => {
    const query = makeQuery('a.test.');
    await startAttempt(upstream, exchange, query).ended;
    expect(server.seen[0].message.subarray(2).equals(query.wire.subarray(2))).toBe(true);
    expect(query.id).toBe(0x1234);
  });

  it('opens a second connection under load, and no third', async () => {
    const ends = await askAll(300);
    expect(ends.every(({ answer }) => answer !== null)).toBe(true);
    expect(server.accepted).toBe(2);
  });

  it('gives answers that come out of order to those who asked', async () => {
    server.rules = [
      addressRule('slow.test.', '192.0.2.1', { delayMs: 40 }),
      addressRule('quick.test.', '192.0.2.2'),
    ];
    const order: string[] = [];
    await Promise.all(
      ['slow', 'quick'].map(async (label) => {
        const { answer } = await ask(`${label}.test.`);
        expect(nameOf(answer?.wire)).toBe(label);
        order.push(label);
      }),
    );
    expect(order).toEqual(['quick', 'slow']);
    expect(server.accepted).toBe(1);
  });

  it('passes over answers with another ID, to another question and that come twice', async () => {
    const reply = { answer: ['a.test. 60 IN A 192.0.2.66'] };
    server.rules = [
      { name: 'id.test.', reply: { ...reply, wrongId: true } },
      { name: 'question.test.', reply: { ...reply, question: 'other.test. A' } },
      { name: 'type.test.', reply: { ...reply, question: 'type.test. AAAA' } },
      { name: 'garbage.test.', garbage: Buffer.alloc(20, 0xff) },
      addressRule('twice.test.', '192.0.2.1', { copies: 2 }),
      addressRule('last.test.', '192.0.2.1'),
    ];
    const wrong = ['id', 'question', 'type', 'garbage'].map((label) => ask(`${label}.test.`));
    await ask('twice.test.');
    await ask('last.test.');
    expect(upstream.counters.ignored).toMatchObject({ id: 2, question: 3 });
    expect(await Promise.race([...wrong, sleep(10, 'waiting')])).toBe('waiting');
  });

  it('takes an answer whose question has other letter case', async () => {
    server.rules = [{ name: '*', reply: { question: 'A.tESt. A', answer: [] } }];
    expect((await ask('a.test.')).answer?.rcode).toBe(0);
  });

  it.each([1, 10, 128])(
    'answers all when the upstream closes after every %i answers',
    async (closeAfter) => {
      server.closeAfter = closeAfter;
      const ends = await askAll(200);
      expect(ends.filter(({ answer }) => answer === null).map(({ error }) => error)).toEqual([]);
    },
  );

  it.each(['close', 'reset'] as const)('asks again when the connection ends by %s', async (how) => {
    await ask('first.test.');
    server.rules = [{ name: 'b.test.', times: 1, [how]: true }, ...server.rules];
    expect((await ask('b.test.')).answer?.answerCount).toBe(1);
    expect(server.accepted).toBe(2);
  });

  it('gives up a question that ends every connection', async () => {
    server.rules = [{ name: 'bad.test.', close: true }];
    const { answer, error } = await ask('bad.test.');
    expect(answer).toBeNull();
    expect(error).toMatch(/^tcp 127\.0\.0\.1:\d+ \(open for \d+ms\): read: EOF$/);
    expect(server.questions).toEqual(['tcp bad.test A', 'tcp bad.test A']);
  });

  it('fails at once where nobody listens', async () => {
    const port = await freePort();
    const closed = makeUpstream(port);
    const { ended } = startAttempt(closed, closed.exchange('tcp'), makeQuery('a.test.'));
    expect((await ended).error).toBe(`tcp 127.0.0.1:${port}: connect: connection refused`);
  });

  it('leaves a connection that stays silent, and takes its other queries along', async () => {
    server.rules = [
      { name: 'lost.test.', half: true, reply: { answer: ['lost.test. 60 IN A 192.0.2.1'] } },
      { name: 'other.test.', times: 1, drop: true },
      ...server.rules,
    ];
    const lost = startAttempt(upstream, exchange, makeQuery('lost.test.'));
    const other = ask('other.test.');
    while (server.seen.length < 2) await sleep(1);
    exchange.missed(lost.attempt);
    expect((await other).answer?.answerCount).toBe(1);
    expect(server.accepted).toBe(2);
    lost.attempt.forget();
  });

  it('moves a query off a silent connection once, not for ever', async () => {
    server.rules = [{ name: '*', drop: true }];
    const [first, moved] = ['first', 'moved'].map((label) =>
      startAttempt(upstream, exchange, makeQuery(`${label}.test.`)),
    );
    while (server.seen.length < 2) await sleep(1);
    exchange.missed(first.attempt);
    while (server.seen.length < 3) await sleep(1);
    const second = startAttempt(upstream, exchange, makeQuery('second.test.'));
    while (server.seen.length < 4) await sleep(1);
    exchange.missed(second.attempt);
    const last = startAttempt(upstream, exchange, makeQuery('last.test.'));
    while (!server.questions.includes('tcp last.test A')) await sleep(1);
    expect(server.questions.filter((question) => question === 'tcp moved.test A')).toHaveLength(2);
    expect(server.accepted).toBe(3);
    for (const { attempt } of [first, moved, second, last]) attempt.forget();
    expect(upstream.counters.sockets.tcp).toBe(1);
  });

  it('keeps a connection that answers others', async () => {
    server.rules = [{ name: 'slow.test.', drop: true }, ...server.rules];
    const slow = startAttempt(upstream, exchange, makeQuery('slow.test.'));
    await ask('quick.test.');
    exchange.missed(slow.attempt);
    await ask('next.test.');
    expect(server.accepted).toBe(1);
    slow.attempt.forget();
  });

  it('takes a late answer over a connection it has left', async () => {
    server.rules = [addressRule('late.test.', '192.0.2.1', { delayMs: 30 })];
    const late = startAttempt(upstream, exchange, makeQuery('late.test.'));
    while (server.seen.length < 1) await sleep(1);
    exchange.missed(late.attempt);
    expect((await late.ended).answer?.answerCount).toBe(1);
  });

  it('replaces connections when they are old', async () => {
    const aged = makeUpstream(server.port, { limits: { kept: 2, idleMs: 10_000, maxAgeMs: 20 } });
    const send = () => startAttempt(aged, aged.exchange('tcp'), makeQuery('a.test.')).ended;
    await send();
    await sleep(30);
    await send();
    expect(server.accepted).toBe(2);
    await aged.stop();
  });

  it('closes idle connections', async () => {
    const idle = makeUpstream(server.port, { limits: { kept: 2, idleMs: 0, maxAgeMs: 60_000 } });
    await startAttempt(idle, idle.exchange('tcp'), makeQuery('a.test.')).ended;
    expect(server.openConnections).toBe(1);
    while (server.openConnections > 0) await sleep(20);
    await idle.stop();
  });

  it('does not keep an upstream waiting that sends one answer after the other is acknowledged', async () => {
    server.noDelay = false;
    let waits = 0;
    for (let i = 0; i < 40; i++) {
      const startMs = performance.now();
      await askAll(2);
      // Linux acknowledges after 40 ms, unless there is something to send.
      if (performance.now() - startMs > 30) waits++;
    }
    expect(waits).toBeLessThan(3);
  });

  it('answers what is under way when it is closed', async () => {
    server.rules = [addressRule('slow.test.', '192.0.2.1', { delayMs: 30 })];
    const slow = ask('slow.test.');
    while (server.seen.length < 1) await sleep(1);
    exchange.close();
    expect((await slow).answer?.answerCount).toBe(1);
    while (server.openConnections > 0) await sleep(5);
  });

  it('does not hold more connections than it may where nobody answers', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).resume());
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const dead = makeUpstream(port);
    let failures = 0;
    for (let i = 0; i < 40; i++) {
      const { attempt, ended } = startAttempt(dead, dead.exchange('tcp'), makeQuery('a.test.'));
      void ended.then(() => failures++);
      dead.exchange('tcp').missed(attempt);
    }
    await sleep(1);
    expect(failures).toBe(8);
    await dead.stop();
    silent.close();
  });
});
