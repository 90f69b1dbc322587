/**
 * Queries to one upstream over HTTPS (RFC 8484): each a request of its own on one HTTP/2 connection,
 * which is replaced with age and given up when nobody uses it.
 */
import type { ClientHttp2Session } from 'node:http2';
import { readAnswer } from '../dns/answer.ts';
import type { Clock } from '../log/clock.ts';
import { type Attempt, type Carrier, type Exchange, MATCHES, matchQuestion } from './attempt.ts';
import { type HttpsOptions, type StreamTarget, TlsDialer } from './dial.ts';
import { askOverHttps, closeSession, openSession } from './https-request.ts';
import { jittered } from './random.ts';
import { describe } from './socket-problem.ts';
import type { ConnectionLimits } from './tcp-exchange.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Requests that wait on one connection, and on one that is ending. */
const MAX_PENDING = 4096;
/** The longest delay that a timer takes; 0 would be none at all. */
const MAX_TIMER_MS = 0x7fff_ffff;
/** Queries in the life of a connection. */
const MAX_QUERIES = 20_000;

export class HttpsExchange implements Exchange {
  readonly protocol = 'https';
  readonly #https: HttpsOptions;
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #counters: UpstreamCounters;
  readonly #open: () => ClientHttp2Session;
  #connection: HttpsConnection | null = null;
  #pendingCount = 0;
  #isClosed = false;

  constructor(
    target: StreamTarget,
    limits: ConnectionLimits,
    modules: { clock: Clock; counters: UpstreamCounters },
  ) {
    const { tls, https } = target;
    if (tls === null || https === undefined) throw new TypeError('not an upstream over HTTPS');
    const dialer = new TlsDialer(target, tls);
    this.#https = https;
    this.#open = () => openSession(target, dialer);
    this.#limits = limits;
    this.#clock = modules.clock;
    this.#counters = modules.counters;
  }

  send(attempt: Attempt, nowMs: number): void {
    if (this.#pendingCount >= MAX_PENDING) {
      attempt.owner.failed(attempt, this.#say(attempt, 'too many requests'), nowMs);
      return;
    }
    const connection = this.#connectionFor(nowMs);
    // RFC 8484 §4.1: "DoH clients … SHOULD use a DNS ID of 0 in every DNS request". Which answer is
    // to which question is HTTP's to tell.
    attempt.id = 0;
    attempt.sentAtMs = nowMs;
    attempt.carrier = connection;
    const message = Buffer.allocUnsafe(attempt.wire.length);
    attempt.write(message, 0);
    this.#pendingCount++;
    connection.send(attempt, message, this.#https, (reply, problem) => {
      this.#pendingCount--;
      if (attempt.carrier !== connection) return;
      attempt.carrier = null;
      this.#take(attempt, reply, problem);
    });
    if (this.#isClosed) connection.retire();
  }

  missed(attempt: Attempt): void {
    const { carrier } = attempt;
    // The connection may be dead: what comes from now on goes over another one.
    if (carrier instanceof HttpsConnection && carrier.isSilentSince(attempt)) carrier.retire();
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.retire();
    this.#connection = null;
  }

  #connectionFor(nowMs: number): HttpsConnection {
    const reuse = this.#counters.reuse.https;
    if (this.#connection?.isUsable(nowMs)) {
      reuse.hits++;
      return this.#connection;
    }
    this.#connection?.retire();
    reuse.misses++;
    this.#counters.sockets.https++;
    const limits = {
      retireAtMs: nowMs + jittered(this.#limits.maxAgeMs),
      idleMs: this.#limits.idleMs,
    };
    this.#connection = new HttpsConnection(limits, this.#open(), this.#clock, () => {
      this.#counters.sockets.https--;
    });
    return this.#connection;
  }

  #take(attempt: Attempt, reply: Buffer | null, problem: string): void {
    const nowMs = this.#clock.nowMs();
    const isAnswer = reply !== null && matchQuestion(reply, 0, reply.length, attempt) === MATCHES;
    const answer = isAnswer ? readAnswer(reply, 0, reply.length) : null;
    if (answer !== null) {
      attempt.owner.answered(attempt, answer, nowMs);
      return;
    }
    if (reply !== null) this.#counters.ignored[isAnswer ? 'malformed' : 'question']++;
    const why = reply === null ? problem : 'the response is no answer to the question';
    attempt.owner.failed(attempt, this.#say(attempt, why), nowMs);
  }

  #say(attempt: Attempt, problem: string): string {
    return `${this.protocol} ${attempt.upstream.to}: ${problem}`;
  }
}

/** One HTTP/2 connection with the requests on it. */
class HttpsConnection implements Carrier {
  readonly openedAtMs: number;
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  readonly #retireAtMs: number;
  /** Ends a request that nobody waits for any more. BOUNDED by MAX_PENDING. */
  readonly #cancels = new Map<Attempt, () => void>();
  #lastAnswerAtMs = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #isRetired = false;
  #problem = 'connection closed';

  constructor(
    limits: { readonly retireAtMs: number; readonly idleMs: number },
    session: ClientHttp2Session,
    clock: Clock,
    onClosed: () => void,
  ) {
    this.#session = session;
    this.#clock = clock;
    this.openedAtMs = clock.nowMs();
    this.#retireAtMs = limits.retireAtMs;
    session.on('error', (error) => {
      this.#problem = describe(error);
    });
    session.on('goaway', () => this.retire());
    const idleMs = Math.min(Math.max(limits.idleMs, 1), MAX_TIMER_MS);
    session.setTimeout(idleMs, () => this.retire());
    session.once('close', onClosed);
  }

  isUsable(nowMs: number): boolean {
    return (
      !this.#isRetired &&
      !this.#session.closed &&
      nowMs < this.#retireAtMs &&
      this.#sent < MAX_QUERIES
    );
  }

  isSilentSince(attempt: Attempt): boolean {
    return this.#lastAnswerAtMs <= attempt.sentAtMs;
  }

  send(
    attempt: Attempt,
    message: Buffer,
    https: HttpsOptions,
    done: (reply: Buffer | null, problem: string) => void,
  ): void {
    this.#sent++;
    const cancel = askOverHttps(this.#session, https, message, (reply, problem) => {
      this.#cancels.delete(attempt);
      if (reply !== null) this.#lastAnswerAtMs = this.#clock.nowMs();
      done(reply, problem || this.#problem);
    });
    this.#cancels.set(attempt, cancel);
  }

  forget(attempt: Attempt): void {
    this.#cancels.get(attempt)?.();
  }

  /** Takes no more requests, and closes with the last one. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    closeSession(this.#session);
  }
}
