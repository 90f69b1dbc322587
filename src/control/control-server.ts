/**
 * Answers `nodelocaldns <command>` on an abstract unix socket: reachable from every container that
 * shares the network namespace, the daemon's own included, and only for root and the daemon's user.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../log/log.ts';
import { isTrusted } from '../sockets/abstract-socket.ts';
import { ControlError } from './control-error.ts';
import { newControlName } from './control-name.ts';
import { type ControlLine, type ControlRequest, MAX_REQUEST_LENGTH } from './protocol.ts';
import { readRequest } from './requests.ts';

export interface ControlServerModules {
  /** The items of the answer; may throw ControlError. */
  readonly answer: (request: ControlRequest) => AsyncIterable<unknown>;
  readonly log: Log;
}

/** People and scripts, a few at a time. */
const MAX_CONNECTIONS = 8;
/** For a request to come, and for what was answered to be read. */
const IDLE_MS = 10_000;
const NEWLINE = 10;

export class ControlServer {
  readonly #modules: ControlServerModules;
  #server: Server | null = null;
  /** BOUNDED by MAX_CONNECTIONS. */
  readonly #sockets = new Set<Socket>();

  constructor(modules: ControlServerModules) {
    this.#modules = modules;
  }

  /** Never rejects: DNS can do without. */
  async start(): Promise<void> {
    const { log } = this.#modules;
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
    server.on('error', (error) => log.warning(`commands will not be answered: ${error.message}`));
    this.#server = server;
    server.listen({ path: `\0${newControlName()}` }).unref();
  }

  stop(): void {
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (!isTrusted(socket)) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(NEWLINE);
      if (end < 0 && received.length <= MAX_REQUEST_LENGTH) return;
      socket.off('data', onData);
      socket.resume();
      void this.#serve(socket, received.toString('utf8', 0, Math.max(end, 0)));
    };
    socket.on('data', onData);
  }

  async #serve(socket: Socket, line: string): Promise<void> {
    try {
      for await (const item of this.#modules.answer(readRequest(line))) {
        if (!writeLine(socket, { item })) await drained(socket);
        if (socket.destroyed) return;
      }
      writeLine(socket, { end: true });
    } catch (error) {
      if (!(error instanceof ControlError)) this.#modules.log.error(`command: ${String(error)}`);
      writeLine(socket, { error: error instanceof Error ? error.message : String(error) });
    }
    socket.end();
  }
}

/** False when the reader is behind. */
function writeLine(socket: Socket, line: ControlLine): boolean {
  return socket.destroyed || socket.write(`${JSON.stringify(line)}\n`);
}

/** Resolves when there is room again, or never will be. */
async function drained(socket: Socket): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const events = [once(socket, 'drain', { signal }), once(socket, 'close', { signal })];
  await Promise.race(events).catch(() => {});
  over.abort();
  await Promise.allSettled(events);
}
