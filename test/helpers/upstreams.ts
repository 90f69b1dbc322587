/** Upstreams of the forward engine as tests need them. */
import type { Answer } from '../../src/dns/answer.ts';
import type { Query } from '../../src/dns/query.ts';
import { Attempt, type AttemptOwner, type Exchange } from '../../src/forward/attempt.ts';
import { type UdpSockets, udpSockets } from '../../src/forward/udp-sockets.ts';
import { Upstream, type UpstreamOptions } from '../../src/forward/upstream.ts';
import { UpstreamCounters } from '../../src/forward/upstream-counters.ts';
import type { Clock } from '../../src/log/clock.ts';
import { monotonicClock } from '../../src/log/clock.ts';

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  ms = 1000;

  nowMs(): number {
    return this.ms;
  }
}

/** An upstream at a port of 127.0.0.1, with the directive's defaults. */
export function makeUpstream(
  port: number,
  options: Partial<UpstreamOptions> = {},
  clock: Clock = monotonicClock,
  sockets: UdpSockets = udpSockets(),
): Upstream {
  const complete: UpstreamOptions = {
    target: { address: '127.0.0.1', port, sourceAddress: '', tls: null },
    limits: { kept: 2, idleMs: 10_000, maxAgeMs: 60_000 },
    healthCheck: { intervalMs: 500, recursionDesired: true, domain: '.' },
    checkOverTcp: false,
    ...options,
  };
  return new Upstream(complete, { clock, sockets, counters: new UpstreamCounters() });
}

/** How one attempt ended. */
export interface Ended {
  readonly attempt: Attempt;
  readonly answer: Answer | null;
  readonly error: string;
}

/** Starts one attempt; `ended` resolves when its owner is told. */
export function startAttempt(
  upstream: Upstream,
  exchange: Exchange,
  query: Query,
  clock: Clock = monotonicClock,
): { readonly attempt: Attempt; readonly ended: Promise<Ended> } {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const owner: AttemptOwner = {
    answered: (attempt, answer) => resolve({ attempt, answer, error: '' }),
    failed: (attempt, error) => resolve({ attempt, answer: null, error }),
    doubted: () => {},
  };
  const nowMs = clock.nowMs();
  const attempt = new Attempt(query, owner, upstream, exchange, nowMs);
  exchange.send(attempt, nowMs);
  return { attempt, ended: promise };
}
