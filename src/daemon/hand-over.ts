/**
 * Tells the instance that follows what our caches hold. Whoever asks (hand-over-socket.ts) is sent
 * everything at once (hand-over-format.ts), in pieces between which queries are answered.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { CachePart } from '../plugins/cache-part.ts';
import type { Part } from '../plugins/directive.ts';
import { isTrusted } from '../sockets/abstract-socket.ts';
import type { HandOverCounts } from './hand-over-counts.ts';
import { cacheFrame, END_FRAME, entryFrame, PREAMBLE } from './hand-over-format.ts';
import { newSocketName, type Whereabouts } from './hand-over-socket.ts';

/** Entries that are written between two turns of the event loop: about half a millisecond. */
const ENTRIES_PER_TURN = 200;
/** Who has not taken everything by then has given up, or should. */
const DEADLINE_MS = 2000;

export interface HandOverModules {
  /** The caches in force. */
  readonly caches: () => readonly CachePart[];
  readonly counts: HandOverCounts;
  readonly clock: Clock;
  readonly log: Log;
}

export class HandOver implements Part {
  readonly #where: Whereabouts;
  readonly #modules: HandOverModules;
  #server: Server | null = null;
  /** Who is being told. One at a time: nobody needs more. */
  #follower: Socket | null = null;

  constructor(where: Whereabouts, modules: HandOverModules) {
    this.#where = where;
    this.#modules = modules;
  }

  /** Never rejects: without it the instance that follows starts with empty caches. */
  async start(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    server.on('error', (error) => {
      this.#modules.log.warning(`caches will not be handed over: ${error.message}`);
    });
    this.#server = server;
    server.listen({ path: `\0${newSocketName(this.#where)}` });
  }

  async stop(): Promise<void> {
    this.#server?.close();
    this.#server = null;
    this.#follower?.destroy();
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#follower !== null || !isTrusted(socket)) {
      socket.destroy();
      return;
    }
    this.#follower = socket;
    socket.once('close', () => {
      this.#follower = null;
    });
    socket.setTimeout(DEADLINE_MS, () => socket.destroy());
    // What it may say is of no interest, but its end is.
    socket.resume();
    void this.#tell(socket);
  }

  async #tell(socket: Socket): Promise<void> {
    const { caches, clock, log, counts } = this.#modules;
    const startMs = clock.nowMs();
    let told = 0;
    socket.write(PREAMBLE);
    for (const { name, cache } of caches()) {
      socket.write(cacheFrame(name));
      // Answering moves entries while we walk, so we walk along a copy.
      const entries = [...cache.entries()];
      for (let i = 0; i < entries.length && !socket.destroyed; i += ENTRIES_PER_TURN) {
        const piece = entries.slice(i, i + ENTRIES_PER_TURN);
        const nowMs = clock.nowMs();
        const hasRoom = socket.write(Buffer.concat(piece.map((entry) => entryFrame(entry, nowMs))));
        told += piece.length;
        await (hasRoom ? nextTurn() : drained(socket));
        if (clock.nowMs() - startMs > DEADLINE_MS) socket.destroy();
      }
    }
    if (socket.destroyed) return;
    socket.end(END_FRAME);
    counts.predecessor.times++;
    counts.predecessor.answers += told;
    log.info(`Told another instance ${told} answers in ${Math.round(clock.nowMs() - startMs)} ms`);
  }
}

/** Resolves when there is room again, or never will be. */
async function drained(socket: Socket): Promise<void> {
  const closed = new AbortController();
  const { signal } = closed;
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
    () => {},
  );
  closed.abort();
}
