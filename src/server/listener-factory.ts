/** Makes listeners: with our own system calls where koffi can be loaded, with Node's else. */
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import { DgramListener } from './dgram-listener.ts';
import type { PacketHandler } from './door.ts';
import { Epoll } from './epoll.ts';
import { type Libc, loadLibc } from './libc.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { NetListener } from './net-listener.ts';
import { PacketMemory } from './packet-memory.ts';
import { StreamMemory } from './socket-stream.ts';
import { OUTPUT_OCTETS, type TcpLimits } from './tcp-connection.ts';
import { MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT, TcpConnections } from './tcp-connections.ts';
import { TcpListener } from './tcp-listener.ts';
import type { UdpCounters } from './udp-endpoint.ts';
import { UdpListener } from './udp-listener.ts';
import { UdpOutbox } from './udp-outbox.ts';

/** Datagrams per system call (bench/micro/udp-batch.md). */
const BATCH_SLOTS = 64;

/** A listener for datagrams. */
export interface UdpDoorway extends Listener {
  readonly counters: UdpCounters;
}

/** A listener for connections; its limits hold for those that come. */
export interface TcpDoorway extends Listener {
  limits: TcpLimits;
}

export interface ListenerFactoryModules {
  readonly log: Log;
  readonly clock: Clock;
}

/** One per process: its listeners share their memory and the limit on connections. */
export class ListenerFactory {
  readonly connections: TcpConnections;
  readonly #clock: Clock;
  readonly #log: Log;
  #shared: Shared | null | undefined;

  constructor({ log, clock }: ListenerFactoryModules) {
    this.#log = log;
    this.#clock = clock;
    const limits = { maxTotal: MAX_CONNECTIONS, maxPerClient: MAX_CONNECTIONS_PER_CLIENT };
    this.connections = new TcpConnections(limits, { clock });
  }

  /** A listener that is not bound yet. */
  udp(options: ListenerOptions, handler: PacketHandler): UdpDoorway {
    const shared = this.#load();
    if (shared === null) return new DgramListener(options, handler);
    return new UdpListener(options, { ...shared, handler });
  }

  /** The same for connections. */
  tcp(options: ListenerOptions, handler: PacketHandler): TcpDoorway {
    const shared = this.#load();
    const modules = { handler, connections: this.connections, clock: this.#clock };
    if (shared !== null) return new TcpListener(options, { ...shared, ...modules });
    return new NetListener(options, { ...modules, output: Buffer.alloc(OUTPUT_OCTETS) });
  }

  #load(): Shared | null {
    if (this.#shared !== undefined) return this.#shared;
    const { libc, reason } = loadLibc();
    this.#shared = libc === null ? null : share(libc);
    if (libc === null) {
      this.#log.warning(`Serving without batched system calls, at twice the cost: ${reason}`);
    }
    return this.#shared;
  }
}

/** What the listeners of a process share. */
type Shared = ReturnType<typeof share>;

function share(libc: Libc) {
  return {
    libc,
    memory: new PacketMemory(BATCH_SLOTS, libc),
    outbox: new UdpOutbox(libc),
    epoll: new Epoll(libc),
    streamMemory: new StreamMemory(libc),
  };
}
