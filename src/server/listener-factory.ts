/** Makes listeners: with our own system calls where koffi can be loaded, with Node's else. */
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import { EarlyTimer } from '../sockets/early-timer.ts';
import { Epoll } from '../sockets/epoll.ts';
import { findEventLoop } from '../sockets/event-loop.ts';
import { type Libc, type LibcResult, loadLibc } from '../sockets/libc.ts';
import { knowsSegments } from '../sockets/outgoing.ts';
import { PacketMemory } from '../sockets/packet-memory.ts';
import { DgramListener } from './dgram-listener.ts';
import type { PacketHandler } from './door.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { Moderation } from './moderation.ts';
import { NetListener } from './net-listener.ts';
import { StreamMemory } from './socket-stream.ts';
import { SocketWait } from './socket-wait.ts';
import { takeOver } from './take-over.ts';
import { OUTPUT_OCTETS, type TcpLimits } from './tcp-connection.ts';
import { MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT, TcpConnections } from './tcp-connections.ts';
import { TcpListener } from './tcp-listener.ts';
import type { UdpCounters } from './udp-endpoint.ts';
import { UdpListener } from './udp-listener.ts';
import { UdpOutbox } from './udp-outbox.ts';

/** Datagrams per system call. More gain nothing (bench/micro/udp-batch.bench.ts). */
const BATCH_SLOTS = 32;

/** A listener for datagrams, and what it counts. */
export interface UdpDoorway extends Listener {
  readonly counters: UdpCounters;
}

/** A listener for connections; its limits hold for those that come. */
export interface TcpDoorway extends Listener {
  limits: TcpLimits;
  /**
   * Lets the connections end when they are answered, while new ones are still taken. Returns how
   * many are left: to be called again until there are none.
   */
  finishConnections(): number;
}

/** What holds for all listeners. */
export interface ListenerFactoryOptions {
  /** Whether UDP replies to one client may be given to the kernel as one message (outgoing.ts). */
  readonly udpSegments: boolean;
}

export interface ListenerFactoryModules {
  readonly log: Log;
  readonly clock: Clock;
  /** Another way to the bindings, for tests. */
  readonly load?: () => LibcResult;
}

/** One per process: its listeners share their memory and the limit on connections. */
export class ListenerFactory {
  readonly connections: TcpConnections;
  readonly #options: ListenerFactoryOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #loadLibc: () => LibcResult;
  /** Null when there are no bindings, undefined before the first listener. */
  #shared: Shared | null | undefined;

  constructor(options: ListenerFactoryOptions, modules: ListenerFactoryModules) {
    const { log, clock, load = loadLibc } = modules;
    this.#options = options;
    this.#loadLibc = load;
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

  /**
   * Sends all that is new on a listener's address to it, away from older instances. To be called
   * right after its start. False when there is no older instance, or nothing can be done.
   */
  takeOver(listener: Listener, address: string): boolean {
    const shared = this.#load();
    if (shared === null || listener.fd < 0) return false;
    const { fd, port, transport } = listener;
    return takeOver({ fd, port, transport, address }, shared.libc);
  }

  #load(): Shared | null {
    if (this.#shared !== undefined) return this.#shared;
    const { libc, reason } = this.#loadLibc();
    this.#shared = libc === null ? null : share(libc, this.#clock, this.#options.udpSegments);
    if (libc === null) {
      // What comes below the first line is the way to the module.
      const [cause] = reason.split('\n');
      this.#log.warning(
        `The C library cannot be called: answers cost twice as much, and a hung process is not ended (${cause})`,
      );
    }
    return this.#shared;
  }
}

/** What the listeners of a process share. */
type Shared = ReturnType<typeof share>;

function share(libc: Libc, clock: Clock, isSegmenting: boolean) {
  const memory = new PacketMemory(BATCH_SLOTS, libc);
  const outbox = new UdpOutbox(libc);
  memory.outgoing.isSegmenting = isSegmenting && knowsSegments(libc);
  outbox.isSegmenting = memory.outgoing.isSegmenting;
  const loop = findEventLoop();
  return {
    libc,
    wait:
      loop === null
        ? null
        : new SocketWait({ libc, loop, clock, earlyTimer: new EarlyTimer(libc) }),
    memory,
    outbox,
    moderation: new Moderation(libc, () => performance.now()),
    epoll: new Epoll(libc),
    streamMemory: new StreamMemory(libc),
  };
}
