/**
 * One address and port that we serve: a handler, its UDP listener and its TCP listener. From their
 * start on they get all that is new there; what another instance has received stays its own.
 */
import type { Listener as Served } from '../config/listeners.ts';
import { probeSelf } from '../host/self-probe.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { zoneCounters } from '../metrics/zone-counters.ts';
import type { Part } from '../plugins/directive.ts';
import { lastingMissQueue } from '../plugins/miss-queue.ts';
import { Handler } from '../server/handler.ts';
import type { ListenerFactory, TcpDoorway, UdpDoorway } from '../server/listener-factory.ts';
import type { QueryObserver } from '../server/observer.ts';
import type { TcpLimits } from '../server/tcp-connection.ts';
import { showConnections, showUdp } from '../server/transport-metrics.ts';
import type { ZoneTable } from '../server/zones.ts';

/**
 * Where listeners are tried, and how long they have to answer: their first packet finds cold code, and
 * maybe a machine that is busy starting pods. A start that gives up here has taken nothing over.
 */
const TRIAL_ADDRESS = '127.0.0.1';
const TRIAL_DEADLINE_MS = 5000;

/** What is served, and whether its address may be one that the node gets only later. */
export interface EndpointOptions {
  readonly served: Served;
  readonly mayAppear: boolean;
}

export interface EndpointModules {
  readonly listeners: ListenerFactory;
  readonly catalogue: Catalogue;
  readonly panics: { count: number };
  readonly log: Log;
}

export class DnsEndpoint implements Part {
  readonly served: Served;
  readonly #listeners: ListenerFactory;
  readonly #handler: Handler;
  readonly #udp: UdpDoorway;
  readonly #tcp: TcpDoorway;
  readonly #catalogue: Catalogue;
  #hideUdp: () => void = () => {};
  #isServing = false;

  constructor(
    { served, mayAppear }: EndpointOptions,
    { listeners, catalogue, panics, log }: EndpointModules,
  ) {
    const { address, port, server } = served;
    this.served = served;
    this.#listeners = listeners;
    this.#catalogue = catalogue;
    showConnections(catalogue, listeners.connections);
    const dropped = zoneCounters(catalogue, { server, zone: 'dropped' });
    const backlog = lastingMissQueue(catalogue);
    this.#handler = new Handler({ server }, { dropped, panics, log, backlog });
    this.#udp = listeners.udp({ address, port, mayAppear }, this.#handler);
    this.#tcp = listeners.tcp({ address, port, mayAppear }, this.#handler);
  }

  /** Whether it has zones to answer for. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Answers for these zones from the next packet on; the limits hold for connections to come. */
  serve(zones: ZoneTable, limits: TcpLimits): void {
    this.#handler.zones = zones;
    this.#tcp.limits = limits;
    this.#isServing = true;
  }

  /** What is answered for here. */
  get zones(): ZoneTable {
    return this.#handler.zones;
  }

  /** Lets someone look at queries and answers; null for nobody. */
  observe(observer: QueryObserver | null): void {
    this.#handler.observer = observer;
  }

  /** Proper queries so far. */
  get received(): number {
    return this.#handler.received;
  }

  /** Queries that wait for an answer. */
  get inFlight(): number {
    return this.#handler.inFlight;
  }

  async start(): Promise<void> {
    const { address } = this.served;
    await this.#udp.start();
    this.#hideUdp = showUdp(this.#catalogue, this.served.server, this.#udp.counters);
    const hasPredecessor = this.#listeners.takeOver(this.#udp, address);
    await this.#tcp.start();
    // Where there is nobody to take from, not even looked at: the kernel's list of TCP sockets is long.
    if (hasPredecessor) this.#listeners.takeOver(this.#tcp, address);
  }

  /** Tries listeners like ours on ports that nobody knows. Rejects when they do not answer. */
  async rehearse(): Promise<void> {
    for (const transport of ['udp', 'tcp'] as const) {
      const where = { address: TRIAL_ADDRESS, port: 0 };
      const listener = this.#listeners[transport](where, this.#handler);
      await listener.start();
      const { port } = listener;
      const target = { ip: TRIAL_ADDRESS, port, transport, deadlineMs: TRIAL_DEADLINE_MS };
      const answered = await probeSelf(target);
      await listener.stop();
      if (!answered) throw new Error(`our own listeners do not answer over ${transport}`);
    }
  }

  /** Lets TCP connections end, while new ones are still taken. Returns how many are left. */
  finishConnections(): number {
    return this.#tcp.finishConnections();
  }

  /** Takes nothing new and answers what has arrived. */
  drain(): void {
    this.#udp.drain();
    this.#tcp.drain();
  }

  async stop(): Promise<void> {
    await this.#tcp.stop();
    await this.#udp.stop();
    this.#hideUdp();
  }
}
