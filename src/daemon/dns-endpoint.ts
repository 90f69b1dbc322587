/** One address and port that we serve: a handler, its UDP listener and its TCP listener. */
import { isIPv6 } from 'node:net';
import type { Listener as Served } from '../config/listeners.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { zoneCounters } from '../metrics/zone-counters.ts';
import type { Part } from '../plugins/directive.ts';
import { Handler } from '../server/handler.ts';
import type { ListenerFactory, TcpDoorway, UdpDoorway } from '../server/listener-factory.ts';
import type { TcpLimits } from '../server/tcp-connection.ts';
import type { ZoneTable } from '../server/zones.ts';

export interface EndpointModules {
  readonly listeners: ListenerFactory;
  readonly catalogue: Catalogue;
  readonly panics: { count: number };
  readonly log: Log;
}

export class DnsEndpoint implements Part {
  readonly #handler: Handler;
  readonly #udp: UdpDoorway;
  readonly #tcp: TcpDoorway;
  #isServing = false;

  constructor(served: Served, { listeners, catalogue, panics, log }: EndpointModules) {
    const { address, port, server } = served;
    const family = isIPv6(address) ? 6 : 4;
    const dropped = zoneCounters(catalogue, { server, zone: 'dropped', family });
    this.#handler = new Handler({ server }, { dropped, panics, log });
    this.#udp = listeners.udp({ address, port }, this.#handler);
    this.#tcp = listeners.tcp({ address, port }, this.#handler);
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

  async start(): Promise<void> {
    await this.#udp.start();
    await this.#tcp.start();
  }

  /** Takes nothing new and answers what has arrived. */
  drain(): void {
    this.#udp.drain();
    this.#tcp.drain();
  }

  async stop(): Promise<void> {
    await this.#tcp.stop();
    await this.#udp.stop();
  }
}
