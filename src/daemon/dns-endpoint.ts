/** One address and port that we serve: a handler, its UDP listener and its TCP listener. */
import { isIPv6 } from 'node:net';
import type { Listener as Served } from '../config/listeners.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { zoneCounters } from '../metrics/zone-counters.ts';
import type { Part } from '../plugins/directive.ts';
import { Handler } from '../server/handler.ts';
import type { Listener } from '../server/listener.ts';
import type { ZoneTable } from '../server/zones.ts';
import type { SocketMaker } from './socket-maker.ts';

export interface EndpointModules {
  readonly sockets: SocketMaker;
  readonly catalogue: Catalogue;
  readonly panics: { count: number };
  readonly log: Log;
}

export class DnsEndpoint implements Part {
  readonly #handler: Handler;
  readonly #listeners: readonly Listener[];
  #isServing = false;

  constructor(served: Served, { sockets, catalogue, panics, log }: EndpointModules) {
    const { address, port, server } = served;
    const family = isIPv6(address) ? 6 : 4;
    const dropped = zoneCounters(catalogue, { server, zone: 'dropped', family });
    this.#handler = new Handler({ server }, { dropped, panics, log });
    this.#listeners = [
      sockets.udp({ address, port }, this.#handler),
      sockets.tcp({ address, port }, this.#handler),
    ];
  }

  /** Whether it has zones to answer for. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Answers for these zones from the next packet on. */
  serve(zones: ZoneTable): void {
    this.#handler.zones = zones;
    this.#isServing = true;
  }

  async start(): Promise<void> {
    for (const listener of this.#listeners) await listener.start();
  }

  /** Takes nothing new and answers what has arrived. */
  drain(): void {
    for (const listener of this.#listeners) listener.drain();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }
}
