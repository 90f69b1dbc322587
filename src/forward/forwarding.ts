/** One query on its way to the upstreams, from its first attempt to its answer. */
import type { Answer } from '../dns/answer.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { Forwarder } from './forwarder.ts';
import { shuffleLetters } from './letter-case.ts';
import { ageText } from './socket-problem.ts';
import type { Upstream } from './upstream.ts';

/** A stream that answers other questions loses none; only a server that drops some is asked again. */
const STREAM_PATIENCE_MS = 500;

/** How long an upstream that is down is waited for: as long as a health check. */
const LAST_HOPE_MS = 1000;

const NO_ATTEMPTS: readonly Attempt[] = [];

/** Takes the answer; or null, with the rcode to give and what was tried. */
export type OnForwarded = (answer: Answer | null, rcode: number, error: string) => void;

export class Forwarding implements AttemptOwner {
  /** When `wake` is to be called. */
  wakeAtMs = 0;
  /** Where the forwarder keeps it; the forwarder's business. */
  place = 0;
  readonly #forwarder: Forwarder;
  readonly #query: Query;
  /** The upstreams in the order to be tried. BOUNDED by the directive. */
  readonly #order: readonly Upstream[];
  readonly #done: OnForwarded;
  /** Attempts that may still be answered. BOUNDED by the forwarder's `maxSends`. */
  #attempts: readonly Attempt[] = NO_ATTEMPTS;
  #cursor = 0;
  #sends = 0;
  #failures = 0;
  /** Replies passed over because of `failover`. */
  #declined = 0;
  #lastReply: Answer | null = null;
  #lastError = '';
  #startedAtMs = 0;
  #retryAtMs = 0;
  #retryDelayMs = 0;
  /** Asked over TCP because the letters of an answer were not ours. */
  #hasDoubted = false;
  /** Every upstream was down when one was chosen: one attempt is all there is. */
  #isLastHope = false;
  #isEnded = false;

  constructor(forwarder: Forwarder, query: Query, order: readonly Upstream[], done: OnForwarded) {
    this.#forwarder = forwarder;
    this.#query = query;
    this.#order = order;
    this.#done = done;
  }

  start(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#retryDelayMs = this.#forwarder.retryDelayMs(this.#order);
    this.#retryAtMs = nowMs + this.#retryDelayMs;
    if (!this.#askNext(nowMs)) this.#giveUp('no healthy proxies');
    else this.#setWake();
  }

  /** The time set in `wakeAtMs` has come. */
  wake(nowMs: number): void {
    const elapsedMs = nowMs - this.#startedAtMs;
    const { deadlineMs } = this.#forwarder.options;
    const silenceMs = this.#silenceMs();
    if (elapsedMs >= deadlineMs || (elapsedMs >= silenceMs && this.#isUnheard())) {
      for (const attempt of this.#attempts) this.#trace(attempt, nowMs, null, 'i/o timeout');
      this.#giveUp(this.#timeoutText(nowMs));
      return;
    }
    if (nowMs >= this.#retryAtMs) this.#retry(nowMs);
    if (!this.#isEnded) this.#setWake(elapsedMs >= silenceMs);
  }

  answered(attempt: Attempt, answer: Answer, nowMs: number): void {
    attempt.upstream.noteAnswer(attempt, answer.rcode, nowMs);
    if (this.#isEnded) return;
    this.#trace(attempt, nowMs, answer.rcode, '');
    this.#remove(attempt);
    if (answer.truncated && attempt.exchange.protocol === 'udp' && this.#wantsWhole()) {
      this.#lastReply = answer;
      this.#ask(attempt.upstream, 'tcp', nowMs);
      return;
    }
    if (this.#forwarder.options.failover.has(answer.rcode)) {
      this.#lastReply = answer;
      if (++this.#declined < this.#order.length && this.#askNext(nowMs)) return;
    }
    this.#finish(answer, answer.rcode, '');
  }

  failed(attempt: Attempt, error: string, nowMs: number): void {
    if (this.#forwarder.options.maxFails !== 0) attempt.upstream.check();
    if (this.#isEnded) return;
    this.#trace(attempt, nowMs, null, error);
    this.#remove(attempt);
    this.#failures++;
    this.#lastError = error;
    // The whole of a truncated answer cannot be had: the client gets what there is.
    const mayFail =
      !this.#lastReply?.truncated &&
      this.#failures < this.#forwarder.maxFailures(this.#order.length);
    if (!this.#isLastHope && mayFail && this.#askNext(nowMs)) return;
    if (this.#attempts.length === 0) this.#giveUp(`${this.#triesText(nowMs)}: ${error}`);
  }

  /** The right answer may still come; but some servers never keep letters, so TCP has to tell. */
  doubted(attempt: Attempt, nowMs: number): void {
    if (this.#isEnded || this.#hasDoubted) return;
    this.#hasDoubted = true;
    this.#ask(attempt.upstream, 'tcp', nowMs);
  }

  /** Asks the next upstream in turn. False when there is none that may be asked. */
  #askNext(nowMs: number, isRetry = false): boolean {
    let at = this.#forwarder.choose(this.#order, this.#cursor);
    if (at < 0) {
      at = this.#forwarder.chooseBroken(this.#order);
      if (at < 0) return false;
      this.#isLastHope = true;
    }
    this.#cursor = at + 1;
    const upstream = this.#order[at];
    const patienceEndsAtMs = isRetry ? this.#patienceEndsAtMs(upstream) : 0;
    if (nowMs >= patienceEndsAtMs) this.#ask(upstream, this.#transport(), nowMs);
    else this.#retryAtMs = Math.min(this.#retryAtMs, patienceEndsAtMs);
    return true;
  }

  #ask(upstream: Upstream, transport: 'udp' | 'tcp', nowMs: number): void {
    const exchange = upstream.exchange(transport);
    const ownLetters = this.#forwarder.options.randomizeCase && exchange.protocol === 'udp';
    const wire = ownLetters ? shuffleLetters(this.#query) : this.#query.wire;
    const attempt = new Attempt(this.#query, this, upstream, exchange, nowMs, wire);
    // Nearly always there is one, and one that `push` adds takes the room of seventeen.
    this.#attempts = this.#attempts.length === 0 ? [attempt] : [...this.#attempts, attempt];
    this.#sends++;
    upstream.counters.sent++;
    exchange.send(attempt, nowMs);
  }

  /** Spec §5.4, Exchange: `force_tcp` wins over `prefer_udp`, else as the client asked. */
  #transport(): 'udp' | 'tcp' {
    const { forceTcp, preferUdp } = this.#forwarder.options;
    if (forceTcp) return 'tcp';
    return preferUdp ? 'udp' : this.#query.client.transport;
  }

  /** A client that asked over UDP without `prefer_udp` asks again itself, over TCP. */
  #wantsWhole(): boolean {
    return this.#forwarder.options.preferUdp || this.#query.client.transport === 'tcp';
  }

  /** No answer in the usual time: blames what has been silent, and asks elsewhere. */
  #retry(nowMs: number): void {
    for (const attempt of this.#attempts) {
      if (nowMs - attempt.sentAtMs < this.#retryDelayMs) continue;
      const { upstream } = attempt;
      upstream.counters.overdue++;
      attempt.exchange.missed(attempt);
      const isSilent = upstream.lastHeardAtMs <= attempt.sentAtMs;
      if (isSilent && this.#forwarder.options.maxFails !== 0) upstream.check();
    }
    this.#retryDelayMs *= 2;
    this.#retryAtMs = nowMs + this.#retryDelayMs;
    const maySend = this.#sends < this.#forwarder.maxSends(this.#order.length);
    // One is back: what it was sent while it was down is lost.
    if (this.#isLastHope && this.#order.some((upstream) => this.#hasHeard(upstream))) {
      this.#isLastHope = false;
    }
    if (!this.#isLastHope && maySend && !this.#isEnded) this.#askNext(nowMs, true);
  }

  /**
   * Until when the question, which is on a stream to `upstream`, is not asked there again: while the
   * stream works that adds little. 0 when it is on none.
   */
  #patienceEndsAtMs(upstream: Upstream): number {
    let endsAtMs = 0;
    for (const attempt of this.#attempts) {
      const isOnStream = attempt.upstream === upstream && attempt.exchange.protocol !== 'udp';
      if (isOnStream && attempt.carrier?.isSilentSince(attempt) === false) {
        endsAtMs = Math.max(endsAtMs, attempt.sentAtMs + STREAM_PATIENCE_MS);
      }
    }
    return endsAtMs;
  }

  /** Whether none of the upstreams asked has said anything since this query began. */
  #isUnheard(): boolean {
    // Without health checks silence says nothing: the question may just be slow to answer.
    if (this.#forwarder.options.maxFails === 0) return false;
    return !this.#attempts.some(({ upstream }) => this.#hasHeard(upstream));
  }

  /** Whether an upstream has said anything since this query began. */
  #hasHeard({ lastHeardAtMs }: Upstream): boolean {
    return lastHeardAtMs >= this.#startedAtMs;
  }

  /** After how long it ends when no upstream says anything. */
  #silenceMs(): number {
    const { silenceMs } = this.#forwarder.options;
    return this.#isLastHope ? Math.min(silenceMs, LAST_HOPE_MS) : silenceMs;
  }

  #setWake(isPastSilence = false): void {
    const { deadlineMs } = this.#forwarder.options;
    const limitMs = this.#startedAtMs + (isPastSilence ? deadlineMs : this.#silenceMs());
    this.wakeAtMs = Math.min(this.#retryAtMs, limitMs);
  }

  #timeoutText(nowMs: number): string {
    const last = this.#attempts.at(-1);
    const age = last?.carrier ? ageText(last.carrier.openedAtMs, nowMs) : '';
    const where = last === undefined ? '' : `${last.exchange.protocol} ${last.upstream.to}${age}`;
    return `${this.#triesText(nowMs)}: read ${where}: i/o timeout`;
  }

  #triesText(nowMs: number): string {
    const tries = `${this.#sends} attempt${this.#sends === 1 ? '' : 's'}`;
    return `${tries} in ${Math.round(nowMs - this.#startedAtMs)}ms`;
  }

  #giveUp(error: string): void {
    // A reply that was passed over for a better one is better than none.
    if (this.#lastReply !== null) this.#finish(this.#lastReply, this.#lastReply.rcode, '');
    else this.#finish(null, RCODE_SERVFAIL, error || this.#lastError);
  }

  #finish(answer: Answer | null, rcode: number, error: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const attempt of this.#attempts) attempt.forget();
    this.#attempts = NO_ATTEMPTS;
    this.#forwarder.leave(this);
    this.#done(answer, rcode, error);
  }

  #trace(attempt: Attempt, nowMs: number, rcode: number | null, error: string): void {
    const { query, upstream, exchange, startedAtMs } = attempt;
    if (query.trace === null) return;
    const tookMs = nowMs - startedAtMs;
    query.trace.upstream({
      ...{ query, rcode, error, tookMs },
      ...{ to: upstream.to, protocol: exchange.protocol },
    });
  }

  #remove(attempt: Attempt): void {
    this.#attempts =
      this.#attempts.length === 1 && this.#attempts[0] === attempt
        ? NO_ATTEMPTS
        : this.#attempts.filter((other) => other !== attempt);
  }
}
