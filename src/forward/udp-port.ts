/** One local UDP port bound to one upstream for a short while. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { readAnswer } from '../dns/answer.ts';
import { HEADER_LENGTH, readUint16, writeUint16 } from '../dns/header.ts';
import type { Clock } from '../log/clock.ts';
import { type Attempt, answersQuestion, type Carrier } from './attempt.ts';
import { describe } from './connection.ts';
import { random16 } from './random.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Queries that may wait on one port at a time. */
const MAX_PENDING = 1024;

/** Where to, where from, and how long a port lives. */
export interface UdpPortOptions {
  readonly address: string;
  readonly port: number;
  /** '' for the kernel's choice. */
  readonly sourceAddress: string;
  /** Queries it may send in its life. */
  readonly maxQueries: number;
}

export class UdpPort implements Carrier {
  readonly openedAtMs: number;
  readonly #options: UdpPortOptions;
  readonly #clock: Clock;
  readonly #counters: UpstreamCounters;
  /** Connected, so that the kernel drops what comes from another address or port. */
  readonly #socket: Socket;
  /** Attempts by ID. BOUNDED by MAX_PENDING. */
  readonly #pending = new Map<number, Attempt>();
  readonly #onSent: (error: Error | null) => void;
  #lastAnswerAtMs = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #error: Error = new Error('socket closed');
  readonly #isConnected: boolean;
  #isRetired = false;
  #isClosed = false;

  constructor(options: UdpPortOptions, modules: { clock: Clock; counters: UpstreamCounters }) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#counters = modules.counters;
    this.openedAtMs = modules.clock.nowMs();
    this.#onSent = (error) => {
      if (error !== null) this.#fail(error);
    };
    const family = isIPv6(options.address) ? 6 : 4;
    this.#socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      // Addresses only: resolving them at once makes binding and connecting synchronous.
      lookup: (host, _options, callback) => callback(null, host, family),
    });
    this.#isConnected = this.#connect();
  }

  /** Whether another query may be sent. */
  get hasRoom(): boolean {
    return (
      !this.#isRetired && this.#sent < this.#options.maxQueries && this.#pending.size < MAX_PENDING
    );
  }

  /** True when nothing was answered since the attempt was sent. */
  isSilentSince(attempt: Attempt): boolean {
    return this.#lastAnswerAtMs <= attempt.sentAtMs;
  }

  send(attempt: Attempt, nowMs: number): void {
    let id = random16();
    while (this.#pending.has(id)) id = random16();
    this.#pending.set(id, attempt);
    attempt.id = id;
    attempt.carrier = this;
    attempt.sentAtMs = nowMs;
    this.#sent++;
    if (!this.#isConnected) {
      // Binding failed at once, or connecting did and its error event is on the way.
      if (this.#isClosed) this.#fail(this.#error);
      return;
    }
    const { wire } = attempt.query;
    const message = Buffer.allocUnsafe(wire.length);
    wire.copy(message);
    writeUint16(message, 0, id);
    this.#socket.send(message, this.#onSent);
  }

  forget(attempt: Attempt): void {
    if (this.#pending.get(attempt.id) !== attempt) return;
    this.#pending.delete(attempt.id);
    this.#closeWhenDone();
  }

  /** Sends no more, and closes when the last answer is there. */
  retire(): void {
    this.#isRetired = true;
    this.#closeWhenDone();
  }

  #connect(): boolean {
    const socket = this.#socket;
    const { address, port, sourceAddress } = this.#options;
    socket.on('error', (error) => this.#fail(error));
    socket.on('message', (message) => this.#take(message));
    if (sourceAddress !== '') socket.bind({ port: 0, address: sourceAddress, exclusive: true });
    if (this.#isClosed) return false;
    socket.connect(port, address);
    return isConnected(socket);
  }

  /** Takes one datagram. What is no answer to a question that waits is counted and left. */
  #take(message: Buffer): void {
    const attempt =
      message.length < HEADER_LENGTH ? undefined : this.#pending.get(readUint16(message, 0));
    if (attempt === undefined || !answersQuestion(message, 0, message.length, attempt.query)) {
      this.#counters.ignored++;
      return;
    }
    const answer = readAnswer(message);
    if (answer === null) {
      this.#counters.ignored++;
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#lastAnswerAtMs = nowMs;
    this.#pending.delete(attempt.id);
    attempt.carrier = null;
    attempt.owner.answered(attempt, answer, nowMs);
    this.#closeWhenDone();
  }

  /** An ICMP error, or no way to send: whatever waits here waits in vain. */
  #fail(error: Error): void {
    this.#error = error;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    this.retire();
    const nowMs = this.#clock.nowMs();
    for (const attempt of lost) {
      attempt.carrier = null;
      attempt.owner.failed(attempt, `udp ${attempt.upstream.to}: read: ${describe(error)}`, nowMs);
    }
  }

  #closeWhenDone(): void {
    if (!this.#isRetired || this.#isClosed || this.#pending.size > 0) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}

/** Whether `connect` has worked; dgram has no other way to ask. */
function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}
