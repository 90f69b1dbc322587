/**
 * Answers packets: reads the question in place, finds the zone's pipeline, and either copies a
 * stored answer over the query or sends a Query down the chain.
 *
 * The hit path is synchronous from `handle` to its return and allocates nothing.
 */

import {
  CLASS_IN,
  FLAG_AA,
  MAX_MESSAGE_LENGTH,
  RCODE_BADVERS,
  RCODE_FORMERR,
  RCODE_NOTIMP,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from '../dns/header.ts';
import { Query } from '../dns/query.ts';
import { QueryView, READ_BADVERS, READ_DROP, READ_FORMERR, READ_OK } from '../dns/query-view.ts';
import { DOES_NOT_FIT, writeRcode, writeStored } from '../dns/reply.ts';
import { truncateReply } from '../dns/truncate.ts';
import type { Moment } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { ZoneCounters } from '../metrics/zone-counters.ts';
import { failed, type Hit, type HitPath, type Outcome } from '../plugins/stage.ts';
import type { Door, PacketHandler } from './door.ts';
import { finishReply } from './finish.ts';
import type { QueryObserver } from './observer.ts';
import type { Route } from './pipeline.ts';
import { ZoneTable } from './zones.ts';

/** What a handler is for. */
export interface HandlerOptions {
  /** The metric label of the listener: `dns://169.254.20.10:53`. */
  readonly server: string;
}

/** What a handler works with. */
export interface HandlerModules {
  /** Counts queries for names that no block serves: zone label `dropped`. */
  readonly dropped: ZoneCounters;
  /** Where a stage that threw is counted. */
  readonly panics: { count: number };
  readonly log: Log;
  /** Queries of the process that wait to be begun. */
  readonly backlog: { readonly length: number };
}

export class Handler implements PacketHandler {
  /** The zones served here. A reload replaces them in one assignment. */
  zones = new ZoneTable([], false);
  /** Proper queries so far. */
  received = 0;
  handedOn = 0;
  /** Queries that were sent down the chain and have no outcome yet. */
  inFlight = 0;
  /** Who looks at queries and their answers; null while nobody does. */
  observer: QueryObserver | null = null;
  readonly #server: string;
  readonly #modules: HandlerModules;
  readonly #view = new QueryView();
  /**
   * Its first `#touchedCount` are the routes with hits in this batch, the others null. BOUNDED by the zones
   * served here. Never shortened: V8 would give its memory up and allocate it anew for the next query.
   */
  readonly #touched: (Route | null)[] = [];
  #touchedCount = 0;
  /** When this batch began. */
  readonly #start = { nowMs: 0 };

  constructor(options: HandlerOptions, modules: HandlerModules) {
    this.#server = options.server;
    this.#modules = modules;
  }

  get hasBacklog(): boolean {
    return this.#modules.backlog.length > 0;
  }

  batchStart({ nowMs }: Moment): void {
    this.#start.nowMs = nowMs;
  }

  handle(packet: Buffer, start: number, length: number, capacity: number, door: Door): number {
    const view = this.#view;
    const outcome = view.read(packet, start, length);
    if (outcome !== READ_OK) return refuseMessage(view, outcome, packet, start);
    this.received++;
    const route = this.zones.find(view);
    if (route === null || (view.qclass !== CLASS_IN && !this.zones.anyClass)) {
      return this.#refuse(packet, start, door);
    }
    const { pipeline, counters } = route;
    const proto = door.transport === 'udp' ? 0 : 1;
    counters.countRequest(proto, door.family, view.qtype, length, view.dnssecOk);
    if (view.ednsSize > pipeline.maxEdnsSize) view.ednsSize = pipeline.maxEdnsSize;
    const { hitPath } = pipeline;
    if (hitPath !== null && route.hitCounters !== null) {
      const hit = hitPath.hit(view, this.#start, route.hitCounters);
      if (hit !== null) {
        this.#countHit(route, hit, door);
        return this.#deliver(hit, hitPath.hitTtlSeconds, packet, start, capacity, door);
      }
      if (hitPath.isPressed && this.#sheds(route, hitPath, door)) {
        counters.countResponse(proto, RCODE_REFUSED, '', 0);
        return writeRcode(view, packet, start, RCODE_REFUSED);
      }
    }
    return this.#ask(route, packet, start, door);
  }

  /** Shares the batch's time among its hits: one clock for all of them. */
  batchEnd({ nowMs }: Moment): void {
    const touched = this.#touched;
    const count = this.#touchedCount;
    if (count === 0) return;
    let hits = 0;
    for (let i = 0; i < count; i++) hits += touched[i]?.hitsInBatch ?? 0;
    const secondsEach = (nowMs - this.#start.nowMs) / 1000 / hits;
    for (let i = 0; i < count; i++) {
      const route = touched[i];
      if (route === null) continue;
      route.counters.countHitDurations(secondsEach, route.hitsInBatch);
      route.hitsInBatch = 0;
      touched[i] = null;
    }
    this.#touchedCount = 0;
  }

  #countHit(route: Route, hit: Hit, door: Door): void {
    if (route.hitsInBatch++ === 0) this.#touched[this.#touchedCount++] = route;
    const proto = door.transport === 'udp' ? 0 : 1;
    route.counters.countResponse(proto, hit.rcode, 'cache', hit.uncompressedLength);
    if (this.observer === null) return;
    this.handedOn++;
    this.observer.hit(this.#view, hit.rcode, door);
  }

  /** Writes a stored answer over the query; one that is too long for the client is cut. */
  #deliver(
    hit: Hit,
    ttlSeconds: number,
    packet: Buffer,
    start: number,
    capacity: number,
    door: Door,
  ): number {
    const view = this.#view;
    const limit = door.transport === 'udp' ? view.udpLimit : MAX_MESSAGE_LENGTH;
    const room = Math.min(limit, capacity);
    const { echo, echoLength } = view;
    const written = writeStored(hit, ttlSeconds, view, packet, start, room, echo, echoLength);
    if (written !== DOES_NOT_FIT) return written;
    const answer = hit.toAnswer(ttlSeconds);
    if (answer === null) return writeRcode(view, packet, start, RCODE_SERVFAIL);
    const reply = truncateReply(answer, view, packet, start, limit, FLAG_AA, echo, echoLength);
    if (reply.length > capacity) {
      this.handedOn++;
      door.currentClient().send(reply);
      return 0;
    }
    reply.copy(packet, start);
    return reply.length;
  }

  /** Whether the cache refuses this miss because of its client, without a look at the chain. */
  #sheds({ hitCounters }: Route, hitPath: HitPath, door: Door): boolean {
    if (hitCounters === null) return false;
    this.handedOn++;
    return hitPath.sheds(this.#view, this.#start.nowMs, hitCounters, door.currentClient());
  }

  /** Sends the query down the chain; the reply goes out through its client, now or later. */
  #ask(route: Route, packet: Buffer, start: number, door: Door): number {
    const query = new Query(this.#view, packet, start, {
      client: door.currentClient(),
      zone: route.zone,
      server: this.#server,
      nowMs: this.#start.nowMs,
    });
    this.handedOn++;
    this.inFlight++;
    let isOpen = true;
    const done = (outcome: Outcome) => {
      if (!isOpen) return;
      isOpen = false;
      this.inFlight--;
      this.observer?.miss(query, outcome.rcode);
      finishReply(query, outcome, route.counters);
    };
    if (route.pipeline.debug) {
      route.pipeline.chain.resolve(query, done);
      return 0;
    }
    try {
      route.pipeline.chain.resolve(query, done);
    } catch (error) {
      this.#modules.panics.count++;
      this.#modules.log.error(`recovered from panic in server: "${this.#server}" ${String(error)}`);
      done(failed(RCODE_SERVFAIL, String(error)));
    }
    return 0;
  }

  /** REFUSED for a name or class that nobody here serves. */
  #refuse(packet: Buffer, start: number, door: Door): number {
    const view = this.#view;
    const proto = door.transport === 'udp' ? 0 : 1;
    const { dropped } = this.#modules;
    dropped.countRequest(proto, door.family, view.qtype, view.length, view.dnssecOk);
    dropped.countResponse(proto, RCODE_REFUSED, '', 0);
    return writeRcode(view, packet, start, RCODE_REFUSED);
  }
}

/** The reply to a message that is no proper query; 0 when there is none. Nothing of it is counted. */
function refuseMessage(view: QueryView, outcome: number, packet: Buffer, start: number): number {
  if (outcome === READ_DROP) return 0;
  if (outcome === READ_BADVERS) return writeRcode(view, packet, start, RCODE_BADVERS);
  // The question of a message that could not be read is not repeated (spec §5.2).
  view.questionEnd = 0;
  return writeRcode(view, packet, start, outcome === READ_FORMERR ? RCODE_FORMERR : RCODE_NOTIMP);
}
