/**
 * One stream connection to an upstream, TCP or TLS, that many queries share (RFC 7766 §6.2.1.1):
 * queries are written as they come, answers are taken in any order.
 */
import type { Socket } from 'node:net';
import { FrameReader } from '../dns/framing.ts';
import { writeUint16 } from '../dns/header.ts';
import type { Clock } from '../log/clock.ts';
import { acknowledge } from './acknowledge.ts';
import type { Attempt, Carrier } from './attempt.ts';
import { Pending } from './pending.ts';
import { describe } from './socket-problem.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

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
  readonly openedAtMs: number;
  /** When a query was last written or an answer read. */
  lastUsedAtMs: number;
  /** Queries written. */
  sent = 0;
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #pending: Pending;
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
    this.#pending = new Pending(modules.counters);
    this.openedAtMs = modules.clock.nowMs();
    this.lastUsedAtMs = this.openedAtMs;
    const frames = new FrameReader((chunk, start, end) => this.#take(chunk, start, end));
    this.#socket = options.dial((chunk, length) => {
      this.#readAtMs = this.#clock.nowMs();
      this.lastUsedAtMs = this.#readAtMs;
      frames.push(chunk, length);
      this.#askForMore();
    });
    this.#listen();
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Whether queries of this turn of the event loop wait for its one write. */
  get isFilling(): boolean {
    return this.#flushIsDue;
  }

  /** Answers taken. */
  get answered(): number {
    return this.#pending.answered;
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
      this.#pending.hasRoom &&
      this.#socket.writableLength + this.#outputLength < MAX_UNSENT
    );
  }

  /** True when nothing was answered since the attempt was written. */
  isSilentSince(attempt: Attempt): boolean {
    return this.#pending.isSilentSince(attempt);
  }

  /** Writes the query of `attempt` with an ID of its own, at the end of this turn. */
  send(attempt: Attempt, nowMs: number): void {
    this.#pending.add(attempt, this, nowMs);
    this.lastUsedAtMs = nowMs;
    this.sent++;
    this.#append(attempt);
    if (this.#flushIsDue || !this.#isReady) return;
    this.#flushIsDue = true;
    setImmediate(flush, this);
  }

  forget(attempt: Attempt): void {
    if (!this.#pending.remove(attempt)) return;
    if (this.#isRetired && this.#pending.size === 0) this.close();
  }

  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#pending.size === 0) this.close();
  }

  /** Takes away the attempts that `goes` is true for, to be sent elsewhere. */
  release(goes: (attempt: Attempt) => boolean): Attempt[] {
    return this.#pending.release(goes);
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

  #append(attempt: Attempt): void {
    const at = this.#outputLength;
    const end = at + 2 + attempt.wire.length;
    if (end > this.#output.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#output.length, end));
      this.#output.copy(larger, 0, 0, at);
      this.#output = larger;
    }
    writeUint16(this.#output, at, attempt.wire.length);
    attempt.write(this.#output, at + 2);
    this.#outputLength = end;
  }

  #take(chunk: Buffer, start: number, end: number): void {
    this.#pending.take(chunk, start, end, this.#readAtMs);
    if (this.#isRetired && this.#pending.size === 0) this.close();
  }

  /**
   * The next query would tell the upstream that these answers arrived, but when there is none it may wait for
   * that. RFC 9293 §3.7.4: "If there is unacknowledged data …, then the sending TCP endpoint buffers all user data".
   */
  #askForMore(): void {
    if (this.#pending.size > 0 && !this.#flushIsDue) acknowledge(this.#socket);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isRetired = true;
    this.#owner.ended(this, this.#pending.release(), this.#error);
  }
}

/** One function for all connections, so that scheduling a flush makes no closure. */
function flush(connection: Connection): void {
  connection.flush();
}
