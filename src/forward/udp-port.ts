/** One local UDP port bound to one upstream for a short while. */
import type { Clock } from '../log/clock.ts';
import type { Attempt, Carrier } from './attempt.ts';
import { Pending } from './pending.ts';
import { ageText } from './socket-problem.ts';
import type { UdpSocket, UdpSocketOwner, UdpSockets, UdpTarget } from './udp-sockets.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** What ports of one upstream share. */
export interface UdpPortModules {
  readonly clock: Clock;
  readonly counters: UpstreamCounters;
  readonly sockets: UdpSockets;
  /** Called when a port is given back. */
  readonly onClosed: () => void;
}

export class UdpPort implements Carrier, UdpSocketOwner {
  readonly openedAtMs: number;
  readonly #clock: Clock;
  readonly #counters: UpstreamCounters;
  readonly #pending: Pending;
  readonly #socket: UdpSocket;
  readonly #onClosed: () => void;
  /** Queries it may still send. */
  #left: number;
  #isRetired = false;
  #isClosed = false;

  /** @param maxQueries how many it may send in its life */
  constructor(target: UdpTarget, maxQueries: number, modules: UdpPortModules) {
    this.#left = maxQueries;
    this.#clock = modules.clock;
    this.#counters = modules.counters;
    this.#pending = new Pending(modules.counters);
    this.#onClosed = modules.onClosed;
    this.openedAtMs = modules.clock.nowMs();
    this.#socket = modules.sockets.open(target, this);
  }

  /** Whether it has sent all that it is meant to send. */
  get isUsedUp(): boolean {
    return this.#left <= 0;
  }

  /** Whether another query can be sent. */
  get isOpen(): boolean {
    return !this.#isRetired && this.#pending.hasRoom;
  }

  /** Holds queries of this turn of the event loop, which will leave together. */
  get isGathering(): boolean {
    return this.#socket.isGathering;
  }

  isSilentSince(attempt: Attempt): boolean {
    return this.#pending.isSilentSince(attempt);
  }

  send(attempt: Attempt, nowMs: number): void {
    this.#left--;
    this.#pending.add(attempt, this, nowMs);
    this.#socket.send(attempt);
  }

  forget(attempt: Attempt): void {
    if (this.#pending.remove(attempt)) this.#closeWhenDone();
  }

  /** Sends no more, and closes when the last answer is there. */
  retire(): void {
    this.#isRetired = true;
    this.#closeWhenDone();
  }

  received(packet: Buffer, start: number, end: number): void {
    this.#pending.take(packet, start, end, this.#clock.nowMs());
    this.#closeWhenDone();
  }

  strayed(): void {
    this.#counters.ignored.source++;
  }

  broke(problem: string): void {
    const lost = this.#pending.release();
    this.retire();
    const nowMs = this.#clock.nowMs();
    for (const attempt of lost) {
      const where = `udp ${attempt.upstream.to}${ageText(this.openedAtMs, nowMs)}`;
      attempt.owner.failed(attempt, `${where}: read: ${problem}`, nowMs);
    }
  }

  #closeWhenDone(): void {
    if (!this.#isRetired || this.#isClosed || this.#pending.size > 0) return;
    this.#isClosed = true;
    this.#socket.close();
    this.#onClosed();
  }
}
