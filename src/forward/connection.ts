/**
 * One stream connection to an upstream, TCP or TLS, that many queries share (RFC 7766 §6.2.1.1):
 * queries are written as they come, answers are taken in any order.
 */
import type { Socket } from 'node:net';
import { readAnswer } from '../dns/answer.ts';
import { FrameReader } from '../dns/framing.ts';
import { HEADER_LENGTH, readUint16, writeUint16 } from '../dns/header.ts';
import type { Clock } from '../log/clock.ts';
import { type Attempt, answersQuestion, type Carrier } from './attempt.ts';
import { random16 } from './random.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Queries that may wait on one connection; more would make IDs guessable and losses large. */
const MAX_PENDING = 4096;
/** An upstream that leaves this many octets unread, or unconnected, gets no more on this connection. */
const MAX_UNSENT = 65_536;
const FIRST_OUTPUT_LENGTH = 4096;

/** What the owner of a connection is told. */
export interface ConnectionOwner {
  /** The connection is gone; `lost` are the attempts that waited on it. Called once. */
  ended(connection: Connection, lost: readonly Attempt[], error: string): void;
}

/** How a connection is made and when it makes room for another. */
export interface ConnectionOptions {
  /** Starts connecting; octets that arrive go to `onData` and are only valid during the call. */
  readonly dial: (onData: (chunk: Buffer, length: number) => void) => Socket;
  /** `connect`, or `secureConnect` for TLS. */
  readonly readyEvent: string;
  /** When it takes no more queries, on the clock's scale. */
  readonly retireAtMs: number;
  /** Queries it may carry in its life. */
  readonly maxQueries: number;
}

export class Connection implements Carrier {
  /** When a query was last written or an answer read. */
  lastUsedAtMs: number;
  /** Queries written and answers taken. */
  sent = 0;
  answered = 0;
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #counters: UpstreamCounters;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  /** Attempts by ID. BOUNDED by MAX_PENDING. */
  readonly #pending = new Map<number, Attempt>();
  #lastAnswerAtMs = Number.NEGATIVE_INFINITY;
  /** Frames of this turn of the event loop. BOUNDED by MAX_UNSENT and one query. */
  #output: Buffer = Buffer.allocUnsafeSlow(FIRST_OUTPUT_LENGTH);
  #outputLength = 0;
  #flushIsDue = false;
  #isReady = false;
  #isRetired = false;
  #isEnded = false;
  #error = 'read: EOF';
  /** The clock's reading for all answers of one chunk. */
  #readAtMs = 0;

  constructor(
    options: ConnectionOptions,
    modules: { owner: ConnectionOwner; clock: Clock; counters: UpstreamCounters },
  ) {
    this.#options = options;
    this.#owner = modules.owner;
    this.#clock = modules.clock;
    this.#counters = modules.counters;
    this.lastUsedAtMs = modules.clock.nowMs();
    const frames = new FrameReader((chunk, start, end) => this.#take(chunk, start, end));
    this.#socket = options.dial((chunk, length) => {
      this.#readAtMs = this.#clock.nowMs();
      this.lastUsedAtMs = this.#readAtMs;
      frames.push(chunk, length);
    });
    this.#listen();
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Takes no more queries, and closes when the last answer is there. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Whether it ever stood; false: connecting did not work. */
  get wasReady(): boolean {
    return this.#isReady;
  }

  /** True when it has served long enough. */
  isOld(nowMs: number): boolean {
    return nowMs >= this.#options.retireAtMs || this.sent >= this.#options.maxQueries;
  }

  /** Whether another query may be written. */
  hasRoom(nowMs: number): boolean {
    if (this.isOld(nowMs)) this.retire();
    return (
      !this.#isRetired &&
      this.#pending.size < MAX_PENDING &&
      this.#socket.writableLength + this.#outputLength < MAX_UNSENT
    );
  }

  /** True when nothing was answered since the attempt was written. */
  isSilentSince(attempt: Attempt): boolean {
    return this.#lastAnswerAtMs <= attempt.sentAtMs;
  }

  /** Writes the query of `attempt` with an ID of its own, at the end of this turn. */
  send(attempt: Attempt, nowMs: number): void {
    let id = random16();
    while (this.#pending.has(id)) id = random16();
    this.#pending.set(id, attempt);
    attempt.id = id;
    attempt.carrier = this;
    attempt.sentAtMs = nowMs;
    this.lastUsedAtMs = nowMs;
    this.sent++;
    this.#append(attempt.query.wire, id);
    if (this.#flushIsDue || !this.#isReady) return;
    this.#flushIsDue = true;
    setImmediate(flush, this);
  }

  forget(attempt: Attempt): void {
    if (this.#pending.get(attempt.id) !== attempt) return;
    this.#pending.delete(attempt.id);
    if (this.#isRetired && this.#pending.size === 0) this.close();
  }

  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#pending.size === 0) this.close();
  }

  /** Takes away all attempts but one, to be sent elsewhere. */
  releaseAllBut(kept: Attempt): Attempt[] {
    const released = [...this.#pending.values()].filter((attempt) => attempt !== kept);
    for (const attempt of released) this.#pending.delete(attempt.id);
    return released;
  }

  close(): void {
    this.#end();
    this.#socket.destroy();
  }

  /** Gives the frames of this turn to the kernel in one write. */
  flush(): void {
    this.#flushIsDue = false;
    if (this.#isEnded || this.#outputLength === 0) return;
    const socket = this.#socket;
    socket.write(this.#output.subarray(0, this.#outputLength));
    this.#outputLength = 0;
    // The kernel has not taken it all: the octets are the socket's until it has.
    if (socket.writableLength > 0) this.#output = Buffer.allocUnsafeSlow(FIRST_OUTPUT_LENGTH);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.once(this.#options.readyEvent, () => {
      this.#isReady = true;
      this.flush();
    });
    socket.on('error', (error) => {
      this.#error = `${this.#isReady ? 'read' : 'connect'}: ${describe(error)}`;
    });
    socket.on('end', () => this.close());
    socket.on('close', () => this.#end());
  }

  #append(wire: Buffer, id: number): void {
    const at = this.#outputLength;
    const end = at + 2 + wire.length;
    if (end > this.#output.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#output.length, end));
      this.#output.copy(larger, 0, 0, at);
      this.#output = larger;
    }
    const output = this.#output;
    writeUint16(output, at, wire.length);
    wire.copy(output, at + 2);
    writeUint16(output, at + 2, id);
    this.#outputLength = end;
  }

  /** Takes one message. What is no answer to a question that waits is counted and left. */
  #take(chunk: Buffer, start: number, end: number): void {
    const attempt =
      end - start < HEADER_LENGTH ? undefined : this.#pending.get(readUint16(chunk, start));
    if (attempt === undefined || !answersQuestion(chunk, start, end, attempt.query)) {
      this.#counters.ignored++;
      return;
    }
    const answer = readAnswer(chunk.subarray(start, end));
    if (answer === null) {
      this.#counters.ignored++;
      return;
    }
    this.answered++;
    this.#lastAnswerAtMs = this.#readAtMs;
    this.#pending.delete(attempt.id);
    attempt.carrier = null;
    attempt.owner.answered(attempt, answer, this.#readAtMs);
    if (this.#isRetired && this.#pending.size === 0) this.close();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isRetired = true;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const attempt of lost) attempt.carrier = null;
    this.#owner.ended(this, lost, this.#error);
  }
}

/** One function for all connections, so that scheduling a flush makes no closure. */
function flush(connection: Connection): void {
  connection.flush();
}

/** An error of the operating system in the words that Go programs log, which people search for. */
export function describe(error: Error & { code?: string }): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'connection reset by peer';
    case 'EHOSTUNREACH':
      return 'no route to host';
    case 'ENETUNREACH':
      return 'network is unreachable';
    case 'ETIMEDOUT':
      return 'i/o timeout';
    default:
      return error.message;
  }
}
