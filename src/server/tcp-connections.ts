/** All TCP connections of the process: how many there may be, and which have waited too long. */
import type { Clock } from '../log/clock.ts';
import { SlotMap } from '../tables/slot-map.ts';
import type { TcpAcceptor, TcpConnection } from './tcp-connection.ts';

/** Connections in total. Each costs about 2 KiB of ours and what the kernel buffers. */
export const MAX_CONNECTIONS = 1000;
/** Of one client address. */
export const MAX_CONNECTIONS_PER_CLIENT = 128;
/** How often deadlines are looked at: they come up to this much late. */
const SWEEP_INTERVAL_MS = 500;

export interface TcpConnectionsOptions {
  readonly maxTotal: number;
  readonly maxPerClient: number;
}

/** Plain fields, read at scrape. */
export interface TcpCounters {
  accepted: number;
  /** Closed at once, because there was no room and nobody idle. */
  refused: number;
  /** Idle ones closed to make room. */
  evicted: number;
  /** Closed because nothing came, or nothing could be sent, for too long. */
  timedOut: number;
}

export class TcpConnections {
  readonly counters: TcpCounters = { accepted: 0, refused: 0, evicted: 0, timedOut: 0 };
  readonly #options: TcpConnectionsOptions;
  readonly #clock: Clock;
  /** By number. BOUNDED by maxTotal. */
  readonly #open = new SlotMap<number, TcpConnection>();
  #nextNumber = 0;
  /** Open connections by client. BOUNDED by maxTotal. */
  readonly #perClient = new Map<string, number>();
  /** Those with replies to send before the event loop waits again. BOUNDED by maxTotal. */
  #toFlush: TcpConnection[] = [];
  #sweeper: NodeJS.Timeout | null = null;

  constructor(options: TcpConnectionsOptions, modules: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = modules.clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Whether one more of this client may be opened. Closes an idle one where that makes room. */
  admit(clientKey: string): boolean {
    const { maxTotal, maxPerClient } = this.#options;
    const isClientFull = (this.#perClient.get(clientKey) ?? 0) >= maxPerClient;
    if (!isClientFull && this.#open.size < maxTotal) return true;
    const idle = this.#oldestIdle(isClientFull ? clientKey : null);
    if (idle === null) {
      this.counters.refused++;
      return false;
    }
    this.counters.evicted++;
    idle.close();
    return true;
  }

  /** Closes the connection that has been idle the longest. False when none is. */
  closeOldestIdle(): boolean {
    const idle = this.#oldestIdle(null);
    if (idle === null) return false;
    this.counters.evicted++;
    idle.close();
    return true;
  }

  /** Returns the number that `remove` wants. */
  add(connection: TcpConnection): number {
    const { clientKey } = connection;
    const number = this.#nextNumber++;
    this.counters.accepted++;
    this.#open.add(number, connection);
    this.#perClient.set(clientKey, (this.#perClient.get(clientKey) ?? 0) + 1);
    this.#sweeper ??= setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
    return number;
  }

  /** Called by a connection that has closed. */
  remove(number: number, clientKey: string): void {
    if (!this.#open.delete(number)) return;
    const left = (this.#perClient.get(clientKey) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(clientKey);
    else this.#perClient.set(clientKey, left);
    if (this.#open.size !== 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  /** Lets all that `listener` accepted end when they are answered. Returns how many are still open. */
  finishAll(listener: TcpAcceptor): number {
    let open = 0;
    for (const connection of this.#open.values()) {
      if (connection.listener !== listener) continue;
      connection.finish();
      if (!connection.isClosed) open++;
    }
    return open;
  }

  /** Closes all that `listener` accepted. */
  closeAll(listener: TcpAcceptor): void {
    for (const connection of this.#open.values()) {
      if (connection.listener === listener) connection.close();
    }
  }

  /** Calls the connection's `flush` behind what happens in this turn of the event loop. */
  flushSoon(connection: TcpConnection): void {
    if (this.#toFlush.push(connection) === 1) setImmediate(this.#flushAll);
  }

  /** Closes those whose time is over. */
  sweep(): void {
    const nowMs = this.#clock.nowMs();
    for (const connection of this.#open.values()) {
      if (!connection.isOverdue(nowMs)) continue;
      this.counters.timedOut++;
      connection.close();
    }
  }

  #oldestIdle(clientKey: string | null): TcpConnection | null {
    let oldest: TcpConnection | null = null;
    for (const connection of this.#open.values()) {
      if (!connection.isIdle || (clientKey !== null && connection.clientKey !== clientKey))
        continue;
      if (oldest === null || connection.activeAtMs < oldest.activeAtMs) oldest = connection;
    }
    return oldest;
  }

  readonly #flushAll = (): void => {
    const connections = this.#toFlush;
    this.#toFlush = [];
    for (const connection of connections) connection.flush();
  };
}
