import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { HandOver } from '../../../src/daemon/hand-over.ts';
import { handOverCounts } from '../../../src/daemon/hand-over-counts.ts';
import { cacheFrame, END_FRAME, PREAMBLE } from '../../../src/daemon/hand-over-format.ts';
import { findSocketName, newSocketName } from '../../../src/daemon/hand-over-socket.ts';
import { receiveEntries, TakeOver } from '../../../src/daemon/take-over.ts';
import { monotonicClock as clock } from '../../../src/log/clock.ts';
import { Log } from '../../../src/log/log.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import type { CachePart } from '../../../src/plugins/cache-part.ts';
import { answerTo, keyOf, openCache } from './hand-over-fixture.ts';

const log = new Log(() => {});
let tests = 0;
/** Those of both instances. */
let counts = handOverCounts(new Catalogue());
let closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers) await close();
  closers = [];
  counts = handOverCounts(new Catalogue());
});

/** Addresses of no other test. */
const nowhere = () => ({ localAddresses: [`test ${process.pid} ${++tests}`], dnsPort: 53 });

function fill({ cache }: CachePart, names: readonly string[]): void {
  for (const name of names) {
    const inherited = { key: keyOf(name), wire: answerTo(name), remainingMs: 20_000 };
    if (!cache.restore(inherited, clock.nowMs())) throw new Error(`${name} was not taken`);
  }
}

async function offer(where: ReturnType<typeof nowhere>, caches: CachePart[]): Promise<HandOver> {
  const handOver = new HandOver(where, { caches: () => caches, counts, clock, log });
  await handOver.start();
  closers.push(() => handOver.stop());
  await expect.poll(() => findSocketName(where)).not.toBeNull();
  return handOver;
}

function takeOver(where: ReturnType<typeof nowhere>, caches: CachePart[], more = {}): TakeOver {
  const modules = { isServed: () => true, rehearse: async () => {}, caches: () => caches };
  return new TakeOver(where, { ...modules, counts, clock, log, ...more });
}

/** Someone else under a name of ours, who says what the test wants. */
async function impostor(where: ReturnType<typeof nowhere>, say: (socket: Socket) => void) {
  const name = newSocketName(where);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    closers.push(() => socket.destroy());
    say(socket);
  });
  await new Promise<void>((resolve) => server.listen({ path: `\0${name}` }, resolve));
  closers.push(() => server.close());
  return name;
}

describe('a start beside a running instance', () => {
  test('begins with its answers, for as long as they had to live there', async () => {
    const where = nowhere();
    const [before, after] = [openCache('c'), openCache('c')];
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}`);
    fill(before, names);
    await offer(where, [before]);
    await takeOver(where, [after]).start();
    expect(after.cache.successCount).toBe(1000);
    const left = after.cache.get(keyOf('n0'))?.remainingSeconds(clock.nowMs()) ?? 0;
    expect(left).toBeGreaterThan(15);
    expect(left).toBeLessThanOrEqual(20);
    expect(counts.successor).toEqual({ times: 1, answers: 1000 });
    await expect.poll(() => counts.predecessor).toEqual({ times: 1, answers: 1000 });
  });

  test('keeps the order of use: what was used last stays longest', async () => {
    const where = nowhere();
    const [before, after] = [openCache('c'), openCache('c')];
    fill(before, ['old', 'new']);
    before.cache.get(keyOf('old'));
    await offer(where, [before]);
    await takeOver(where, [after]).start();
    expect([...after.cache.entries()].map(({ key }) => key)).toEqual([keyOf('old'), keyOf('new')]);
  });

  test('leaves out the answers of caches that it does not have', async () => {
    const where = nowhere();
    const [before, other, after] = [openCache('c'), openCache('gone'), openCache('c')];
    fill(before, ['a']);
    fill(other, ['b']);
    await offer(where, [other, before]);
    await takeOver(where, [after]).start();
    expect([...after.cache.entries()].map(({ key }) => key)).toEqual([keyOf('a')]);
  });

  test('asks the youngest of several', async () => {
    const where = nowhere();
    const [oldest, youngest, after] = [openCache('c'), openCache('c'), openCache('c')];
    fill(oldest, ['a']);
    fill(youngest, ['b']);
    await offer(where, [oldest]);
    const first = await findSocketName(where);
    // Names tell the millisecond; within one of them nobody is the younger.
    await sleep(2);
    await offer(where, [youngest]);
    await expect.poll(() => findSocketName(where)).not.toBe(first);
    await takeOver(where, [after]).start();
    expect([...after.cache.entries()].map(({ key }) => key)).toEqual([keyOf('b')]);
  });

  test('does not start when its own listeners do not answer', async () => {
    const rehearse = async () => {
      throw new Error('deaf');
    };
    await expect(takeOver(nowhere(), [], { rehearse }).start()).rejects.toThrow('deaf');
  });

  test('asks nobody when nobody serves', async () => {
    const where = nowhere();
    const [before, after] = [openCache('c'), openCache('c')];
    fill(before, ['a']);
    await offer(where, [before]);
    await takeOver(where, [after], { isServed: () => false }).start();
    expect(after.cache.successCount).toBe(0);
  });
});

describe('receiveEntries', () => {
  test('waits for a peer that says nothing no longer than it may', async () => {
    const name = await impostor(nowhere(), () => {});
    const startMs = clock.nowMs();
    expect(await receiveEntries(name, 100)).toEqual([]);
    expect(clock.nowMs() - startMs).toBeLessThan(5000);
  });

  test('gets nothing where nobody listens', async () => {
    expect(await receiveEntries(newSocketName(nowhere()), 1000)).toEqual([]);
  });

  test('drops everything when something in it is malformed', async () => {
    const where = nowhere();
    const name = await impostor(where, (socket) => {
      socket.end(Buffer.concat([PREAMBLE, cacheFrame('c'), Buffer.from([0, 0, 0, 1, 9])]));
    });
    expect(await receiveEntries(name, 1000)).toEqual([]);
  });

  test('ends with the end, though the peer stays', async () => {
    const name = await impostor(nowhere(), (socket) => {
      socket.write(Buffer.concat([PREAMBLE, END_FRAME]));
    });
    const startMs = clock.nowMs();
    expect(await receiveEntries(name, 5000)).toEqual([]);
    expect(clock.nowMs() - startMs).toBeLessThan(4500);
  });

  test('stops at the size that all caches together may have', async () => {
    const piece = Buffer.concat([PREAMBLE, cacheFrame('x'.repeat(60_000))]);
    let sent = 0;
    const name = await impostor(nowhere(), (socket) => {
      const send = (chunk: Buffer): void => {
        sent += chunk.length;
        if (sent < 64 << 20) socket.write(chunk, () => send(piece.subarray(PREAMBLE.length)));
      };
      send(piece);
    });
    await receiveEntries(name, 5000);
    expect(sent).toBeLessThan(32 << 20);
  });
});
