/**
 * One client's TCP connection: messages in, replies out as they come (RFC 7766 §6.2.1.1).
 *
 *   receive ─▶ FrameReader ─▶ handler ──hit──▶ output ─▶ one write per chunk
 *                                └──miss─▶ (later) TcpClient.send ─▶ #late ─▶ one write per turn
 */
import { FRAME_PREFIX, FrameReader, frame } from '../dns/framing.ts';
import { MAX_MESSAGE_LENGTH, writeUint16 } from '../dns/header.ts';
import type { Client } from '../dns/query.ts';
import type { Clock } from '../log/clock.ts';
import type { Door, PacketHandler } from './door.ts';
import { TcpClient } from './tcp-client.ts';
import type { TcpConnections } from './tcp-connections.ts';
import type { TcpStream, TcpStreamUser } from './tcp-stream.ts';

/** Queries of one connection that wait for their answers. With as many we stop reading. */
export const MAX_IN_FLIGHT = 128;
/** Octets to read at once. */
export const INPUT_OCTETS = 8192;
/** Octets of replies that a client leaves unread before we close: a few of the largest. */
const MAX_UNSENT_OCTETS = 4 * MAX_MESSAGE_LENGTH;
/** Room for one more reply. */
const REPLY_ROOM = FRAME_PREFIX + MAX_MESSAGE_LENGTH;
/** Octets of replies collected before they are written. */
export const OUTPUT_OCTETS = 2 * REPLY_ROOM;

const NOTHING = Buffer.alloc(0);

/** How long a connection may do nothing, and how much it may ask (`timeouts`, `max_tcp_queries`). */
export interface TcpLimits {
  /** From the accept to the end of the first query. */
  readonly readTimeoutMs: number;
  /** From the last query or reply on. */
  readonly idleTimeoutMs: number;
  /** For a client to take what was sent to it. */
  readonly writeTimeoutMs: number;
  /** Queries per connection; 0 for any number. */
  readonly maxQueries: number;
}

/** As the original's (spec §5.2, §5.12). */
export const DEFAULT_TCP_LIMITS: TcpLimits = {
  readTimeoutMs: 3000,
  idleTimeoutMs: 10_000,
  writeTimeoutMs: 5000,
  maxQueries: 0,
};

/** Who accepted a connection, and on what terms. */
export interface TcpAcceptor {
  readonly limits: TcpLimits;
}

/** What connections work with; `output` is shared by all, used within one call. */
export interface TcpConnectionModules {
  readonly handler: PacketHandler;
  readonly connections: TcpConnections;
  readonly clock: Clock;
  /** OUTPUT_OCTETS long. */
  readonly output: Buffer;
}

export class TcpConnection implements Door, TcpStreamUser {
  readonly transport = 'tcp';
  readonly stream: TcpStream;
  readonly listener: TcpAcceptor;
  /** When it last asked or was answered. */
  activeAtMs: number;
  /** Among the connections of the process. */
  readonly #number: number;
  readonly #limits: TcpLimits;
  readonly #modules: TcpConnectionModules;
  readonly #reader = new FrameReader((chunk, start, end) => this.#take(chunk, start, end));
  /** Framed replies of this turn. BOUNDED by the queries in flight. */
  #late: Buffer[] = [];
  /** Queries that were read but must wait. BOUNDED by a chunk: we read no more meanwhile. */
  #held: Buffer[] = [];
  /** Octets of replies in the shared output; only within `receive`. */
  #outputLength = 0;
  #queries = 0;
  #inFlight = 0;
  /** Since when the client has left octets unread; −1 when it has not. */
  #blockedSinceMs = -1;
  #isReading = true;
  /** There will be no more queries: closes when all are answered. */
  #isEnding = false;
  #isClosed = false;

  constructor(stream: TcpStream, listener: TcpAcceptor, modules: TcpConnectionModules) {
    this.stream = stream;
    this.listener = listener;
    this.#limits = listener.limits;
    this.#modules = modules;
    this.activeAtMs = modules.clock.nowMs();
    this.#number = modules.connections.add(this);
  }

  get clientKey(): string {
    return this.stream.clientKey;
  }

  /** True when it can be closed without an answer being lost. */
  get isIdle(): boolean {
    const isAnswered = this.#inFlight === 0 && this.#held.length === 0 && this.#late.length === 0;
    return isAnswered && this.stream.unsentOctets === 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  isOverdue(nowMs: number): boolean {
    const { readTimeoutMs, idleTimeoutMs, writeTimeoutMs } = this.#limits;
    if (this.#blockedSinceMs >= 0) return nowMs - this.#blockedSinceMs >= writeTimeoutMs;
    return nowMs - this.activeAtMs >= (this.#queries === 0 ? readTimeoutMs : idleTimeoutMs);
  }

  receive(chunk: Buffer, length: number): void {
    const { handler, clock } = this.#modules;
    const nowMs = clock.nowMs();
    handler.batchStart({ nowMs });
    const before = this.#queries;
    this.#reader.push(chunk, length);
    // A message that comes octet by octet does not keep a connection alive.
    if (this.#queries !== before) this.activeAtMs = nowMs;
    this.#writeOutput();
    handler.batchEnd({ nowMs: clock.nowMs() });
    this.#settle();
  }

  onEnd(): void {
    this.#isEnding = true;
    this.#settle();
  }

  onDrain(): void {
    this.#blockedSinceMs = -1;
    this.#settle();
  }

  onBroken(): void {
    this.close();
  }

  get family(): 4 | 6 {
    return this.stream.remote.family;
  }

  currentClient(): Client {
    this.#inFlight++;
    return new TcpClient(this);
  }

  /** Takes the reply to a query in flight, once each; an empty one frees the place. */
  reply(message: Buffer): void {
    this.#inFlight--;
    if (this.#isClosed) return;
    if (this.#late.push(message.length === 0 ? NOTHING : frame(message)) === 1)
      this.#modules.connections.flushSoon(this);
  }

  /** Writes the replies of this turn. */
  flush(): void {
    if (this.#isClosed) return;
    const { output, clock } = this.#modules;
    const late = this.#late;
    this.#late = [];
    let length = 0;
    for (const reply of late) {
      if (length + reply.length > output.length) {
        this.#write(length);
        length = 0;
      }
      reply.copy(output, length);
      length += reply.length;
    }
    this.#write(length);
    this.activeAtMs = clock.nowMs();
    this.#settle();
  }

  /** Takes the queries that have arrived, no more, and closes when all are answered. */
  finish(): void {
    if (!this.#isEnding) this.stream.readArrived();
    this.#isEnding = true;
    this.#settle();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reader.stop();
    this.#held = [];
    this.#late = [];
    this.stream.close();
    this.#modules.connections.remove(this.#number, this.clientKey);
  }

  /** True while the client leaves its replies unread or waits for as many as it may. */
  get #mustWait(): boolean {
    return this.stream.unsentOctets !== 0 || this.#inFlight >= MAX_IN_FLIGHT;
  }

  /** Answers one message, or keeps it while others must be answered first. */
  #take(chunk: Buffer, start: number, end: number): void {
    const { maxQueries } = this.#limits;
    if (maxQueries !== 0 && this.#queries === maxQueries) return;
    this.#queries++;
    if (this.#queries === maxQueries) this.#isEnding = true;
    if (this.#held.length !== 0 || this.#mustWait) {
      this.#held.push(Buffer.from(chunk.subarray(start, end)));
    } else {
      this.#answer(chunk, start, end);
    }
  }

  /** Answers messages that were kept. */
  #answerHeld(): void {
    const { handler, clock } = this.#modules;
    handler.batchStart({ nowMs: clock.nowMs() });
    while (this.#held.length !== 0 && !this.#mustWait) {
      const message = this.#held.shift() ?? NOTHING;
      this.#answer(message, 0, message.length);
    }
    this.#writeOutput();
    handler.batchEnd({ nowMs: clock.nowMs() });
  }

  /** Handles one message at the end of the output, where its reply stays. */
  #answer(chunk: Buffer, start: number, end: number): void {
    const { handler, output } = this.#modules;
    if (this.#outputLength + REPLY_ROOM > output.length) this.#writeOutput();
    const at = this.#outputLength + FRAME_PREFIX;
    chunk.copy(output, at, start, end);
    const length = handler.handle(output, at, end - start, MAX_MESSAGE_LENGTH, this);
    if (length === 0) return;
    writeUint16(output, this.#outputLength, length);
    this.#outputLength = at + length;
  }

  #writeOutput(): void {
    const length = this.#outputLength;
    this.#outputLength = 0;
    this.#write(length);
  }

  #write(length: number): void {
    if (length === 0 || this.#isClosed) return;
    this.stream.write(this.#modules.output, length);
    if (this.stream.unsentOctets > MAX_UNSENT_OCTETS) this.close();
  }

  /** After each change: closes what is done, reads or pauses. */
  #settle(): void {
    if (this.#held.length !== 0 && !this.#mustWait) this.#answerHeld();
    if (this.#isClosed) return;
    if (this.stream.unsentOctets !== 0 && this.#blockedSinceMs < 0) {
      this.#blockedSinceMs = this.#modules.clock.nowMs();
    }
    if (this.#isEnding && this.isIdle) {
      this.close();
      return;
    }
    const isReading = !this.#isEnding && !this.#mustWait;
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    this.stream.setReading(isReading);
  }
}
