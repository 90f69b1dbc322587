/** The forwarder with scripted exchanges and a clock that the tests move. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, readAnswer } from '../../../src/dns/answer.ts';
import type { Query } from '../../../src/dns/query.ts';
import type { Attempt, Exchange } from '../../../src/forward/attempt.ts';
import { newForwardCounters } from '../../../src/forward/forward-counters.ts';
import {
  Forwarder,
  type ForwarderOptions,
  MAX_IN_FLIGHT,
  MAX_UNHEARD,
} from '../../../src/forward/forwarder.ts';
import type { Prober } from '../../../src/forward/prober.ts';
import { Upstream } from '../../../src/forward/upstream.ts';
import { UpstreamCounters } from '../../../src/forward/upstream-counters.ts';
import { makeQuery, type QueryParts } from '../../helpers/queries.ts';
import { FakeClock } from '../../helpers/upstreams.ts';

const OPTIONS: ForwarderOptions = {
  policy: 'sequential',
  forceTcp: false,
  preferUdp: false,
  randomizeCase: false,
  maxFails: 2,
  maxConcurrent: 0,
  maxConnectAttempts: 0,
  failFast: false,
  failover: new Set(),
  sendsPerUpstream: 0,
  retryCeilingMs: 2000,
  silenceMs: 1900,
  deadlineMs: 5000,
};

/** What an upstream was sent, and a way to answer. */
class FakeExchange implements Exchange {
  readonly protocol: 'udp' | 'tcp';
  readonly attempts: Attempt[] = [];
  readonly missedAttempts: Attempt[] = [];
  /** Fails every attempt at once with this text. */
  refusal = '';
  isSilent = true;

  constructor(protocol: 'udp' | 'tcp') {
    this.protocol = protocol;
  }

  send(attempt: Attempt, nowMs: number): void {
    this.attempts.push(attempt);
    if (this.refusal !== '') {
      attempt.owner.failed(attempt, this.refusal, nowMs);
      return;
    }
    attempt.carrier = {
      openedAtMs: nowMs,
      forget: () => {},
      isSilentSince: () => this.isSilent,
    };
  }

  missed(attempt: Attempt): void {
    this.missedAttempts.push(attempt);
  }

  close(): void {}
}

/** Answers health checks when the test says so. */
class FakeProber implements Prober {
  asked = 0;
  #done: ((isAnswered: boolean) => void) | null = null;

  ask(_question: Buffer, done: (isAnswered: boolean) => void): void {
    this.asked++;
    this.#done = done;
  }

  finish(isAnswered: boolean): void {
    this.#done?.(isAnswered);
  }
}

class FakeUpstream extends Upstream {
  readonly udp = new FakeExchange('udp');
  readonly tcp = new FakeExchange('tcp');
  readonly checks: FakeProber;

  constructor(port: number) {
    const prober = new FakeProber();
    super(
      {
        target: { address: '127.0.0.1', port, sourceAddress: '', tls: null },
        limits: { kept: 2, idleMs: 10_000, maxAgeMs: 60_000 },
        healthCheck: { intervalMs: 500, recursionDesired: true, domain: '.' },
        checkOverTcp: false,
      },
      { clock, counters: new UpstreamCounters(), prober },
    );
    this.checks = prober;
  }

  override exchange(transport: 'udp' | 'tcp'): FakeExchange {
    return this[transport];
  }

  get sent(): number {
    return this.udp.attempts.length + this.tcp.attempts.length;
  }
}

/** How a query ended. */
interface End {
  readonly answer: Answer | null;
  readonly rcode: number;
  readonly error: string;
}

const clock = new FakeClock();
let counters = newForwardCounters();
let nextPort = 1;

beforeEach(() => {
  clock.ms = 1000;
  counters = newForwardCounters();
  nextPort = 1;
});

function makeForwarder(count: number, options: Partial<ForwarderOptions> = {}) {
  const upstreams = Array.from({ length: count }, () => new FakeUpstream(nextPort++));
  const forwarder = new Forwarder({ ...OPTIONS, ...options }, upstreams, { clock, counters });
  return { forwarder, upstreams };
}

/** Forwards a query; the list holds its end, once there is one. */
function ask(forwarder: Forwarder, parts: QueryParts = {}): End[] {
  const ends: End[] = [];
  forwarder.forward(makeQuery('a.test.', parts), (answer, rcode, error) =>
    ends.push({ answer, rcode, error }),
  );
  return ends;
}

/** Moves time in steps of a sweep. */
function pass(forwarder: Forwarder, ms: number): void {
  for (let elapsed = 0; elapsed < ms; elapsed += 10) {
    clock.ms += 10;
    forwarder.sweep();
  }
}

/** Answers what an attempt asked. */
function reply(attempt: Attempt, rcode = 0, flags = 0): void {
  attempt.owner.answered(attempt, answerTo(attempt.query, rcode, flags), clock.ms);
}

function answerTo(query: Query, rcode: number, flags: number): Answer {
  const wire = Buffer.from(query.wire);
  wire.writeUInt16BE(0x8180 | flags | rcode, 2);
  const answer = readAnswer(wire);
  if (answer === null) throw new Error('unreadable answer');
  return answer;
}

/** Gives an upstream a measured round trip of a millisecond. */
function warm(forwarder: Forwarder, upstream: FakeUpstream): void {
  const before = upstream.udp.attempts.length;
  ask(forwarder);
  clock.ms += 1;
  reply(upstream.udp.attempts[before]);
}

describe('forwarder', () => {
  it('hands on the answer', () => {
    const { forwarder, upstreams } = makeForwarder(1);
    const ends = ask(forwarder);
    reply(upstreams[0].udp.attempts[0], 3);
    expect(ends).toMatchObject([{ rcode: 3, error: '' }]);
    expect(forwarder.inFlightCount).toBe(0);
  });

  it.each([
    ['udp', {}, 'udp'],
    ['udp', { forceTcp: true }, 'tcp'],
    ['udp', { preferUdp: true }, 'udp'],
    ['udp', { forceTcp: true, preferUdp: true }, 'tcp'],
    ['tcp', {}, 'tcp'],
    ['tcp', { forceTcp: true }, 'tcp'],
    ['tcp', { preferUdp: true }, 'udp'],
    ['tcp', { forceTcp: true, preferUdp: true }, 'tcp'],
  ] as const)('asks a %s client with %o over %s', (transport, options, expected) => {
    const { forwarder, upstreams } = makeForwarder(1, options);
    ask(forwarder, { transport });
    expect(upstreams[0][expected].attempts).toHaveLength(1);
    expect(upstreams[0].sent).toBe(1);
  });

  it('waits for the first answer of an only upstream before asking again', () => {
    const { forwarder, upstreams } = makeForwarder(1);
    ask(forwarder);
    pass(forwarder, 1400);
    expect(upstreams[0].sent).toBe(1);
    pass(forwarder, 200);
    expect(upstreams[0].sent).toBe(2);
  });

  it('asks another upstream when the answer is overdue by the usual round trip', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    warm(forwarder, upstreams[0]);
    const ends = ask(forwarder);
    pass(forwarder, 90);
    expect(upstreams[1].sent).toBe(0);
    pass(forwarder, 20);
    expect(upstreams[1].sent).toBe(1);
    expect(upstreams[0].udp.missedAttempts).toHaveLength(1);
    reply(upstreams[1].udp.attempts[0]);
    expect(ends).toMatchObject([{ rcode: 0, error: '' }]);
  });

  it('still takes the answer of the upstream that was slow', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    warm(forwarder, upstreams[0]);
    const ends = ask(forwarder);
    pass(forwarder, 150);
    reply(upstreams[0].udp.attempts[1], 3);
    expect(ends).toMatchObject([{ rcode: 3 }]);
  });

  it('prefers upstreams that answer while a silent one is checked', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    warm(forwarder, upstreams[0]);
    ask(forwarder);
    pass(forwarder, 120);
    expect(upstreams[0].checks.asked).toBe(1);
    ask(forwarder);
    expect(upstreams[0].sent).toBe(2);
    expect(upstreams[1].sent).toBe(2);
    upstreams[0].checks.finish(true);
    ask(forwarder);
    expect(upstreams[0].sent).toBe(3);
  });

  it('asks again on a stream that answers others only after a good while', () => {
    const { forwarder, upstreams } = makeForwarder(1, { forceTcp: true });
    const [{ tcp, roundTrip }] = upstreams;
    roundTrip.observe(1);
    tcp.isSilent = false;
    ask(forwarder);
    pass(forwarder, 490);
    expect(tcp.attempts).toHaveLength(1);
    pass(forwarder, 20);
    expect(tcp.attempts).toHaveLength(2);
  });

  it('asks again at once on a stream that is silent', () => {
    const { forwarder, upstreams } = makeForwarder(1, { forceTcp: true });
    upstreams[0].roundTrip.observe(1);
    ask(forwarder);
    pass(forwarder, 110);
    expect(upstreams[0].tcp.attempts).toHaveLength(2);
  });

  it('asks six times at most, ever more slowly', () => {
    const { forwarder, upstreams } = makeForwarder(1, { maxFails: 0 });
    warm(forwarder, upstreams[0]);
    const startMs = clock.ms;
    ask(forwarder);
    pass(forwarder, 4900);
    const times = upstreams[0].udp.attempts
      .slice(1)
      .map(({ startedAtMs }) => startedAtMs - startMs);
    expect(times).toEqual([0, 100, 300, 700, 1500, 3100]);
  });

  it('gives up within two seconds when nothing is heard from any upstream', () => {
    const { forwarder } = makeForwarder(2);
    const ends = ask(forwarder);
    pass(forwarder, 1890);
    expect(ends).toEqual([]);
    pass(forwarder, 20);
    expect(ends).toMatchObject([{ answer: null, rcode: 2 }]);
    expect(ends[0].error).toMatch(
      /^\d attempts in 19\d\dms: read udp 127.0.0.1:\d \(open for \d+ms\): i\/o timeout$/,
    );
  });

  it('waits for five seconds when the upstream is alive', () => {
    const { forwarder, upstreams } = makeForwarder(1);
    const ends = ask(forwarder);
    pass(forwarder, 1600);
    upstreams[0].checks.finish(true);
    pass(forwarder, 3300);
    expect(ends).toEqual([]);
    pass(forwarder, 200);
    expect(ends).toMatchObject([{ answer: null, rcode: 2 }]);
    expect(forwarder.inFlightCount).toBe(0);
  });

  it('turns to the next upstream at once when one refuses', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    upstreams[0].udp.refusal = 'refused';
    const ends = ask(forwarder);
    expect(upstreams[1].sent).toBe(1);
    reply(upstreams[1].udp.attempts[0]);
    expect(ends).toMatchObject([{ rcode: 0 }]);
  });

  it.each([
    [0, 4],
    [1, 1],
    [10, 10],
  ])('with max_connect_attempts %i fails after %i refusals', (maxConnectAttempts, expected) => {
    const { forwarder, upstreams } = makeForwarder(2, { maxConnectAttempts, maxFails: 0 });
    for (const upstream of upstreams) upstream.udp.refusal = 'refused';
    const ends = ask(forwarder);
    expect(upstreams[0].sent + upstreams[1].sent).toBe(expected);
    const tries = expected === 1 ? '1 attempt' : `${expected} attempts`;
    expect(ends).toEqual([{ answer: null, rcode: 2, error: `${tries} in 0ms: refused` }]);
  });

  it('asks for a truncated answer again over TCP where the client cannot', () => {
    const { forwarder, upstreams } = makeForwarder(1, { preferUdp: true });
    const ends = ask(forwarder);
    reply(upstreams[0].udp.attempts[0], 0, 0x0200);
    expect(ends).toEqual([]);
    reply(upstreams[0].tcp.attempts[0]);
    expect(ends[0].answer?.truncated).toBe(false);
  });

  it('hands on a truncated answer to a client that can ask again itself', () => {
    const { forwarder, upstreams } = makeForwarder(1);
    const ends = ask(forwarder);
    reply(upstreams[0].udp.attempts[0], 0, 0x0200);
    expect(ends[0].answer?.truncated).toBe(true);
    expect(upstreams[0].sent).toBe(1);
  });

  it('hands on a truncated answer when the whole one cannot be had', () => {
    const { forwarder, upstreams } = makeForwarder(1, { preferUdp: true });
    upstreams[0].tcp.refusal = 'refused';
    const ends = ask(forwarder);
    reply(upstreams[0].udp.attempts[0], 0, 0x0200);
    pass(forwarder, 1900);
    expect(ends[0].answer?.truncated).toBe(true);
  });

  it('refuses more queries at once than it may', () => {
    const { forwarder } = makeForwarder(1, { maxConcurrent: 2 });
    ask(forwarder);
    ask(forwarder);
    expect(ask(forwarder)).toEqual([
      { answer: null, rcode: 5, error: 'concurrent queries exceeded maximum 2' },
    ]);
    expect(counters.maxConcurrentRejects).toBe(1);
  });

  it('holds a bounded number of queries', () => {
    const { forwarder } = makeForwarder(1);
    const query = makeQuery('a.test.');
    for (let i = 0; i < MAX_IN_FLIGHT; i++) forwarder.forward(query, () => {});
    expect(forwarder.inFlightCount).toBe(MAX_IN_FLIGHT);
    expect(counters.inFlight).toBe(MAX_IN_FLIGHT);
    expect(ask(forwarder)).toMatchObject([{ rcode: 2 }]);
    // The limit is one for all.
    expect(ask(makeForwarder(1).forwarder)).toMatchObject([{ rcode: 2 }]);
    expect(counters.overflows).toBe(2);
    pass(forwarder, 2000);
    expect([forwarder.inFlightCount, counters.inFlight]).toEqual([0, 0]);
  });

  describe('with more queries than may wait for silent upstreams', () => {
    /** Queries under way after `count` more. */
    function crowd(forwarder: Forwarder, count: number): number {
      for (let i = 0; i < count; i++) ask(forwarder);
      return forwarder.inFlightCount;
    }

    it('fails what comes on top, once they have been silent for a while', () => {
      const { forwarder, upstreams } = makeForwarder(2);
      warm(forwarder, upstreams[0]);
      crowd(forwarder, MAX_UNHEARD);
      pass(forwarder, 390);
      expect(crowd(forwarder, 1)).toBe(MAX_UNHEARD + 1);
      pass(forwarder, 10);
      expect(ask(forwarder)).toMatchObject([{ answer: null, rcode: 2 }]);
      expect(forwarder.inFlightCount).toBe(MAX_UNHEARD + 1);
      expect(counters.overflows).toBe(1);
    });

    it('takes all again from the first answer on', () => {
      const { forwarder, upstreams } = makeForwarder(2);
      warm(forwarder, upstreams[0]);
      crowd(forwarder, MAX_UNHEARD);
      pass(forwarder, 600);
      expect(crowd(forwarder, 1)).toBe(MAX_UNHEARD);
      reply(upstreams[1].udp.attempts[0]);
      expect(crowd(forwarder, 1000)).toBe(MAX_UNHEARD + 999);
      expect(counters.overflows).toBe(1);
    });

    it('waits longer for upstreams that usually take long', () => {
      const { forwarder, upstreams } = makeForwarder(1);
      upstreams[0].roundTrip.observe(300);
      crowd(forwarder, MAX_UNHEARD);
      pass(forwarder, 1700);
      expect(crowd(forwarder, 1)).toBe(MAX_UNHEARD + 1);
    });

    it('takes a burst that follows a lonely query without an answer', () => {
      const { forwarder, upstreams } = makeForwarder(2);
      warm(forwarder, upstreams[0]);
      ask(forwarder);
      pass(forwarder, 1000);
      expect(crowd(forwarder, MAX_UNHEARD + 100)).toBe(MAX_UNHEARD + 101);
    });

    it('takes them without health checks', () => {
      const { forwarder, upstreams } = makeForwarder(2, { maxFails: 0 });
      warm(forwarder, upstreams[0]);
      crowd(forwarder, MAX_UNHEARD);
      pass(forwarder, 1000);
      expect(crowd(forwarder, 1)).toBe(MAX_UNHEARD + 1);
    });
  });

  it('asks the next upstream on the codes of failover, and gives the last reply when all have them', () => {
    const { forwarder, upstreams } = makeForwarder(3, { failover: new Set([2, 5]) });
    const ends = ask(forwarder);
    reply(upstreams[0].udp.attempts[0], 2);
    reply(upstreams[1].udp.attempts[0], 5);
    expect(ends).toEqual([]);
    reply(upstreams[2].udp.attempts[0], 5);
    expect(ends).toMatchObject([{ rcode: 5, error: '' }]);
    const others = ask(forwarder);
    reply(upstreams[0].udp.attempts[1], 2);
    reply(upstreams[1].udp.attempts[1], 0);
    expect(others).toMatchObject([{ rcode: 0 }]);
  });

  it('hands on any rcode without failover', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    const ends = ask(forwarder);
    reply(upstreams[0].udp.attempts[0], 2);
    expect(ends).toMatchObject([{ rcode: 2, error: '' }]);
    expect(ends[0].answer).not.toBeNull();
  });

  it('never asks upstreams that lead back here', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    forwarder.excludeLooping(new Set([upstreams[0]]));
    ask(forwarder);
    expect(upstreams.map(({ sent }) => sent)).toEqual([0, 1]);
    forwarder.excludeLooping(new Set(upstreams));
    expect(ask(forwarder)).toMatchObject([
      { rcode: 2, error: 'every upstream leads back to this server' },
    ]);
    forwarder.excludeLooping(new Set());
    ask(forwarder);
    expect(upstreams[0].sent).toBe(1);
  });

  it('asks new upstreams from the next query on', () => {
    const { forwarder, upstreams } = makeForwarder(1);
    const ends = ask(forwarder);
    const [other] = makeForwarder(1).upstreams;
    forwarder.replaceUpstreams([other]);
    ask(forwarder);
    expect(other.sent).toBe(1);
    reply(upstreams[0].udp.attempts[0]);
    expect(ends).toMatchObject([{ rcode: 0 }]);
  });

  it('keeps leaving out those that lead back when others come, and tells of the change', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    forwarder.excludeLooping(new Set([upstreams[0]]));
    let told = 0;
    forwarder.onReplaced = () => told++;
    const [other] = makeForwarder(1).upstreams;
    forwarder.replaceUpstreams([upstreams[0], other]);
    ask(forwarder);
    expect([upstreams[0].sent, other.sent, told]).toEqual([0, 1, 1]);
  });

  it('counts sent queries, durations by rcode and overdue answers', () => {
    const { forwarder, upstreams } = makeForwarder(1);
    warm(forwarder, upstreams[0]);
    ask(forwarder);
    pass(forwarder, 110);
    reply(upstreams[0].udp.attempts[1], 3);
    const seen: [number, number][] = [];
    upstreams[0].counters.eachDuration((rcode, { counts }) =>
      seen.push([rcode, counts.reduce((a, b) => a + b)]),
    );
    expect(seen).toEqual([
      [0, 1],
      [3, 1],
    ]);
    expect(upstreams[0].counters).toMatchObject({ sent: 3, overdue: 1 });
  });
});

describe('forwarder with all upstreams down', () => {
  function makeBroken(options: Partial<ForwarderOptions>) {
    const made = makeForwarder(2, options);
    for (const upstream of made.upstreams) {
      upstream.check();
      Object.defineProperty(upstream, 'isDown', { value: () => true });
    }
    return made;
  }

  it('sends exactly one attempt to one of them', () => {
    const { forwarder, upstreams } = makeBroken({});
    const ends = ask(forwarder);
    pass(forwarder, 2000);
    expect(upstreams[0].sent + upstreams[1].sent).toBe(1);
    expect(ends).toMatchObject([{ answer: null, rcode: 2 }]);
    expect(counters.healthCheckBroken).toBe(1);
  });

  it('waits a second for them', () => {
    const { forwarder } = makeBroken({});
    const ends = ask(forwarder);
    pass(forwarder, 990);
    expect(ends).toEqual([]);
    pass(forwarder, 20);
    expect(ends).toMatchObject([{ answer: null, rcode: 2 }]);
  });

  it('asks again when one of them is back', () => {
    const { forwarder, upstreams } = makeBroken({});
    const ends = ask(forwarder);
    const back = upstreams.findIndex(({ sent }) => sent > 0);
    pass(forwarder, 500);
    upstreams[back].checks.finish(true);
    pass(forwarder, 500);
    expect(upstreams[back].sent).toBe(2);
    reply(upstreams[back].udp.attempts[1]);
    expect(ends).toMatchObject([{ rcode: 0 }]);
  });

  it('ends queries that were waiting when they went down', () => {
    const { forwarder, upstreams } = makeForwarder(2);
    const ends = ask(forwarder);
    pass(forwarder, 1200);
    for (const upstream of upstreams) {
      upstream.check();
      Object.defineProperty(upstream, 'isDown', { value: () => true });
    }
    pass(forwarder, 710);
    expect(ends).toMatchObject([{ answer: null, rcode: 2 }]);
  });

  it('fails at once with failfast', () => {
    const { forwarder, upstreams } = makeBroken({ failFast: true });
    expect(ask(forwarder)).toEqual([{ answer: null, rcode: 2, error: 'no healthy proxies' }]);
    expect(upstreams[0].sent + upstreams[1].sent).toBe(0);
    expect(counters.healthCheckBroken).toBe(1);
  });
});
