/** One question to one upstream over one transport, from its sending to its end. */
import type { Answer } from '../dns/answer.ts';
import { FLAG_QR, HEADER_LENGTH, readUint16, writeUint16 } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { isLetter } from './letter-case.ts';
import type { Upstream } from './upstream.ts';

/** Names of transports as the metrics have them. */
export type Protocol = 'udp' | 'tcp' | 'tcp-tls' | 'https';

/** Sends attempts to one upstream over one transport. */
export interface Exchange {
  readonly protocol: Protocol;
  /** Sends the query; one of the owner's methods is called once, at once or later, unless forgotten. */
  send(attempt: Attempt, nowMs: number): void;
  /** No answer came in the usual time: what carries the attempt may be dead. The attempt stays. */
  missed(attempt: Attempt): void;
  /** Takes no more; what is under way ends by itself. */
  close(): void;
}

/** What an attempt waits on: a connection or a UDP port. */
export interface Carrier {
  /** When it was opened, on the daemon's monotonic clock. */
  readonly openedAtMs: number;
  /** The answer is not wanted any more. */
  forget(attempt: Attempt): void;
  /** True when nothing was answered since the attempt was sent. */
  isSilentSince(attempt: Attempt): boolean;
}

/** Who is told how an attempt ended. */
export interface AttemptOwner {
  answered(attempt: Attempt, answer: Answer, nowMs: number): void;
  /** `error` says what was tried with whom and why it did not work. */
  failed(attempt: Attempt, error: string, nowMs: number): void;
  /** What came was right but for the letters of its name: forged, or the upstream changes them. */
  doubted(attempt: Attempt, nowMs: number): void;
}

export class Attempt {
  readonly query: Query;
  /** What is sent but for its ID: the query's own message, or a copy with other letters in its name. */
  readonly wire: Buffer;
  readonly owner: AttemptOwner;
  readonly upstream: Upstream;
  readonly exchange: Exchange;
  /** When the upstream was chosen: durations count from here, dialling included. */
  readonly startedAtMs: number;
  /** When it was last written. */
  sentAtMs: number;
  /** The ID it was last written with. */
  id = 0;
  /** How often it was written again because its connection closed. */
  resends = 0;
  /** Whether it was written again because its connection was silent. */
  wasMoved = false;
  carrier: Carrier | null = null;

  constructor(
    query: Query,
    owner: AttemptOwner,
    upstream: Upstream,
    exchange: Exchange,
    nowMs: number,
    wire: Buffer = query.wire,
  ) {
    this.query = query;
    this.wire = wire;
    this.owner = owner;
    this.upstream = upstream;
    this.exchange = exchange;
    this.startedAtMs = nowMs;
    this.sentAtMs = nowMs;
  }

  /** Whether the answer's question must have the very letters that were sent. */
  get hasOwnLetters(): boolean {
    return this.wire !== this.query.wire;
  }

  forget(): void {
    this.carrier?.forget(this);
    this.carrier = null;
  }

  /** Writes the message to be sent to `target` at `at`. Returns its length. */
  write(target: Buffer, at: number): number {
    this.wire.copy(target, at);
    writeUint16(target, at, this.id);
    return this.wire.length;
  }
}

/** How the question of a message compares to the one that was sent. */
export const MATCHES = 0;
export const LETTERS_DIFFER = 1;
export const DIFFERS = 2;

/**
 * Whether `message[start..end)` is a response to what `attempt` asked: MATCHES, LETTERS_DIFFER where
 * that matters, or DIFFERS. The ID is the caller's to check.
 */
export function matchQuestion(
  message: Buffer,
  start: number,
  end: number,
  attempt: Attempt,
): number {
  const { wire, query, hasOwnLetters } = attempt;
  const { questionEnd } = query;
  if (end - start < questionEnd) return DIFFERS;
  if ((readUint16(message, start + 2) & FLAG_QR) === 0) return DIFFERS;
  if (readUint16(message, start + 4) !== 1) return DIFFERS;
  const nameEnd = questionEnd - 4;
  let result = MATCHES;
  for (let at = HEADER_LENGTH; at < nameEnd; at++) {
    const asked = wire[at];
    const got = message[start + at];
    if (asked === got) continue;
    // RFC 4343 §3: names match whatever the case of their ASCII letters.
    if ((asked ^ got) !== 0x20 || !isLetter(asked)) return DIFFERS;
    if (hasOwnLetters) result = LETTERS_DIFFER;
  }
  for (let at = nameEnd; at < questionEnd; at++) {
    if (wire[at] !== message[start + at]) return DIFFERS;
  }
  return result;
}
