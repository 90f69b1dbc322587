/**
 * What comes before the first socket is bound when another instance serves our addresses: a trial
 * on ports that nobody knows, so that a working instance is not followed by one that does not work,
 * and the other's caches. Sockets then take what is new on being bound (dns-endpoint.ts).
 */
import { connect } from 'node:net';
import type { AnswerCache } from '../cache/answer-cache.ts';
import { CACHE_BUDGET_OCTETS } from '../cache/budget.ts';
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { CachePart } from '../plugins/cache-part.ts';
import type { Part } from '../plugins/directive.ts';
import { isTrusted } from '../sockets/abstract-socket.ts';
import type { HandOverCounts } from './hand-over-counts.ts';
import { HandOverReader, type ReceivedEntry } from './hand-over-format.ts';
import { findSocketName, type Whereabouts } from './hand-over-socket.ts';

/** A start does not wait longer for the caches of another instance. */
const RECEIVE_DEADLINE_MS = 300;

export interface TakeOverModules {
  /** Whether another instance serves our addresses. */
  readonly isServed: () => boolean;
  /** Tries our listeners; rejects when they do not answer. */
  readonly rehearse: () => Promise<void>;
  /** The caches of the configuration that starts: open by now, and empty. */
  readonly caches: () => readonly CachePart[];
  readonly counts: HandOverCounts;
  readonly clock: Clock;
  readonly log: Log;
}

export class TakeOver implements Part {
  readonly #where: Whereabouts;
  readonly #modules: TakeOverModules;

  constructor(where: Whereabouts, modules: TakeOverModules) {
    this.#where = where;
    this.#modules = modules;
  }

  async start(): Promise<void> {
    const { isServed, rehearse, caches, clock, log, counts } = this.#modules;
    if (!isServed()) return;
    log.info('Another instance serves our addresses: taking over from it');
    await rehearse();
    const startMs = clock.nowMs();
    const name = await findSocketName(this.#where);
    const entries = name === null ? [] : await receiveEntries(name, RECEIVE_DEADLINE_MS);
    const receivedMs = clock.nowMs();
    const kept = restore(entries, caches(), { nowMs: receivedMs, elapsedMs: receivedMs - startMs });
    counts.successor.times++;
    counts.successor.answers += kept;
    const tookMs = Math.round(clock.nowMs() - startMs);
    log.info(`Starting with ${kept} of its answers, received in ${tookMs} ms`);
  }

  async stop(): Promise<void> {}
}

/**
 * What the instance at `name` tells: all, or what came in time, or nothing when it is not what it
 * should be. Never rejects.
 */
export function receiveEntries(name: string, deadlineMs: number): Promise<ReceivedEntry[]> {
  return new Promise((resolve) => {
    /** BOUNDED by CACHE_BUDGET_OCTETS. */
    let entries: ReceivedEntry[] = [];
    let octets = 0;
    const socket = connect({ path: `\0${name}` });
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(entries);
    };
    const timer = setTimeout(finish, deadlineMs);
    const reader = new HandOverReader((entry) => {
      // The reader's chunk goes when this call is over.
      entries.push({ ...entry, wire: Buffer.from(entry.wire) });
    });
    socket.on('connect', () => {
      if (!isTrusted(socket)) finish();
    });
    socket.on('data', (chunk) => {
      octets += chunk.length;
      if (!reader.push(chunk)) entries = [];
      else if (octets <= CACHE_BUDGET_OCTETS && !reader.hasEnded) return;
      finish();
    });
    socket.on('error', finish);
    socket.on('close', finish);
  });
}

/**
 * Puts entries into the caches of the same name. Those that the other instance used last come first
 * and so go in last. `elapsedMs` is how long they may have been on their way.
 *
 * @returns how many were good
 */
function restore(
  entries: readonly ReceivedEntry[],
  caches: readonly CachePart[],
  { nowMs, elapsedMs }: { nowMs: number; elapsedMs: number },
): number {
  const byName = new Map<string, AnswerCache>(caches.map(({ name, cache }) => [name, cache]));
  let kept = 0;
  for (let i = entries.length - 1; i >= 0; i--) {
    const { cache, remainingMs, ...entry } = entries[i];
    const inherited = { ...entry, remainingMs: remainingMs - elapsedMs };
    if (byName.get(cache)?.restore(inherited, nowMs) === true) kept++;
  }
  return kept;
}
