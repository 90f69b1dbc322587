/** How listeners end without losing a query: the waits between the wish to stop and the last reply. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../log/clock.ts';

/** What of a DnsEndpoint matters here. */
export interface Closing {
  /** Proper queries so far. */
  readonly received: number;
  /** Queries that wait for an answer. */
  readonly inFlight: number;
  /** Lets TCP connections end, while new ones are still taken. Returns how many are left. */
  finishConnections(): number;
  /** Takes nothing new and answers what has arrived. */
  drain(): void;
}

/** Without a query for this long, nobody asks any more: a resolver repeats its question sooner. */
const QUIET_MS = 5000;
/** How often to look. */
const QUIET_LOOK_MS = 100;
const DRAIN_LOOK_MS = 5;
/** A client that keeps its connection busy does not hold up the end any longer. */
const CONNECTIONS_DEADLINE_MS = 1000;
/** As long as the original waits for its handlers (spec §7.2). */
const ANSWERS_DEADLINE_MS = 5000;

/**
 * Waits until nobody asks any more, at most `delayMs`.
 *
 * @param isOver whether there is nothing to wait for: another instance serves, or we are to hurry
 */
export async function untilQuiet(
  endpoints: readonly Closing[],
  { delayMs, isOver }: { delayMs: number; isOver: () => boolean },
  clock: Clock,
): Promise<void> {
  const count = () => endpoints.reduce((sum, { received }) => sum + received, 0);
  const endMs = clock.nowMs() + delayMs;
  let before = count();
  let quietSinceMs = clock.nowMs();
  while (clock.nowMs() < endMs && clock.nowMs() - quietSinceMs < QUIET_MS && !isOver()) {
    await sleep(QUIET_LOOK_MS);
    const now = count();
    if (now !== before) quietSinceMs = clock.nowMs();
    before = now;
  }
}

/**
 * Lets TCP connections end while the address is still ours: packets of an open connection would be
 * sent on to kube-dns, which knows nothing of it.
 */
export async function finishConnections(
  endpoints: readonly Closing[],
  clock: Clock,
): Promise<void> {
  const left = () => endpoints.reduce((sum, endpoint) => sum + endpoint.finishConnections(), 0);
  await until(() => left() === 0, CONNECTIONS_DEADLINE_MS, clock);
}

/** Answers what has arrived, and waits for those answers that must come from upstream. */
export async function answerAll(endpoints: readonly Closing[], clock: Clock): Promise<void> {
  for (const endpoint of endpoints) endpoint.drain();
  const isDone = () => endpoints.every(({ inFlight }) => inFlight === 0);
  await until(isDone, ANSWERS_DEADLINE_MS, clock);
  // Late replies are sent together, at the end of their turn of the event loop.
  await nextTurn();
}

async function until(isSo: () => boolean, deadlineMs: number, clock: Clock): Promise<void> {
  const endMs = clock.nowMs() + deadlineMs;
  while (!isSo() && clock.nowMs() < endMs) await sleep(DRAIN_LOOK_MS);
}
