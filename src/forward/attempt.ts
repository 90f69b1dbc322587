/** One question to one upstream over one transport, from its sending to its end. */
import type { Answer } from '../dns/answer.ts';
import { FLAG_QR, HEADER_LENGTH, readUint16 } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import type { Upstream } from './upstream.ts';

/** Names of transports as the metrics have them. */
export type Protocol = 'udp' | 'tcp' | 'tcp-tls';

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
}

export class Attempt {
  readonly query: Query;
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
  carrier: Carrier | null = null;

  constructor(
    query: Query,
    owner: AttemptOwner,
    upstream: Upstream,
    exchange: Exchange,
    nowMs: number,
  ) {
    this.query = query;
    this.owner = owner;
    this.upstream = upstream;
    this.exchange = exchange;
    this.startedAtMs = nowMs;
    this.sentAtMs = nowMs;
  }

  forget(): void {
    this.carrier?.forget(this);
    this.carrier = null;
  }
}

/**
 * Whether `message[start..end)` is a response to the question of `query`. The ID is the caller's to
 * check.
 */
export function answersQuestion(
  message: Buffer,
  start: number,
  end: number,
  query: Query,
): boolean {
  const { wire, questionEnd } = query;
  if (end - start < questionEnd) return false;
  if ((readUint16(message, start + 2) & FLAG_QR) === 0) return false;
  if (readUint16(message, start + 4) !== 1) return false;
  const nameEnd = questionEnd - 4;
  for (let at = HEADER_LENGTH; at < nameEnd; at++) {
    const asked = wire[at];
    const got = message[start + at];
    // RFC 4343 §3: names match whatever the case of their ASCII letters.
    if (asked !== got && ((asked ^ got) !== 0x20 || !isLetter(asked))) return false;
  }
  for (let at = nameEnd; at < questionEnd; at++) {
    if (wire[at] !== message[start + at]) return false;
  }
  return true;
}

function isLetter(octet: number): boolean {
  const small = octet | 0x20;
  return small >= 0x61 && small <= 0x7a;
}
