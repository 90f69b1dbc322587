/**
 * A small HTTP listener: for metrics, health, readiness and profiles. It shares its port with
 * another instance of this program, so that a successor can start before its predecessor ends.
 */
import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type ListenOptions } from 'node:net';
import { createTlsServer, type HttpTls } from './http-tls.ts';

/** Answers one request. What it throws becomes status 500. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => void | Promise<void>;

export interface HttpServerOptions {
  /** The directive or flag that asked for it, for messages. */
  readonly purpose: string;
  /** An IP address or a name; '' for all addresses. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Gives the descriptor of a socket bound to an address that no interface has yet; may throw. */
  readonly bindEarly?: ((host: string, port: number) => number) | undefined;
  /** For a request to arrive as a whole. */
  readonly readTimeoutMs?: number;
  /** Without a word on the connection while a request is answered. */
  readonly writeTimeoutMs?: number;
  /** Between two requests on a connection. */
  readonly idleTimeoutMs?: number;
  /** Absent or null: plain HTTP. */
  readonly tls?: HttpTls | null;
}

/** CoreDNS' value for all three (spec §5.11). */
const DEFAULT_TIMEOUT_MS = 5000;

/** Scrapers and probes are few; more connections than this are closed at once. */
const MAX_CONNECTIONS = 128;

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;

  /** @param routes handlers by path, without query */
  constructor(options: HttpServerOptions, routes: ReadonlyMap<string, HttpHandler>) {
    this.#options = options;
    const readTimeoutMs = options.readTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timeouts = {
      headersTimeout: readTimeoutMs,
      requestTimeout: readTimeoutMs,
      connectionsCheckingInterval: Math.max(readTimeoutMs, 1000),
      keepAliveTimeout: options.idleTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    };
    const { tls } = options;
    this.#server = tls ? createTlsServer(tls, timeouts) : createServer(timeouts);
    this.#server.on('request', (request, response) => void answer(routes, request, response));
    this.#server.timeout = options.writeTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** The port it listens on, once it has started. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : this.#options.port;
  }

  /** Listens. Rejects with a ListenError. */
  async start(): Promise<void> {
    try {
      const host = await resolveHost(this.#options.host);
      await this.#listenOn(host);
    } catch (error) {
      throw new ListenError(this.#options, error);
    }
  }

  /** Closes the listener and all connections at once. Never rejects; may be called at any time. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #listenOn(host: string): Promise<void> {
    const { port, bindEarly } = this.#options;
    try {
      await this.#listen({ port, reusePort: true, ...(host === '' ? {} : { host }) });
    } catch (error) {
      if (bindEarly === undefined || codeOf(error) !== 'address-not-available') throw error;
      await this.#listen({ fd: bindEarly(host, port) });
    }
  }

  #listen(options: ListenOptions & { fd?: number }): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(options, () => {
        server.removeListener('error', reject);
        // Later faults concern single connections (no descriptor left, say), not the listener.
        server.on('error', () => {});
        resolve();
      });
    });
  }
}

/** Sends a small text and ends the response. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    // Node would set a timer to keep its own for the rest of the second.
    date: new Date().toUTCString(),
  });
  response.end(text);
}

async function answer(
  routes: ReadonlyMap<string, HttpHandler>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0];
  const handler = routes.get(path);
  if (handler === undefined) return sendText(response, 404, '404 page not found\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendText(response, 405, 'only GET and HEAD are answered here\n');
  }
  try {
    await handler(request, response);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendText(response, 500, `answering ${path}: ${String(error)}\n`);
  }
}

/** The address of a name, an IPv4 one if there is any, as Go's listeners choose. */
async function resolveHost(host: string): Promise<string> {
  if (host === '' || isIP(host) !== 0) return host;
  return (await lookup(host, { order: 'ipv4first' })).address;
}

/** Why a listener could not be had. */
export type ListenErrorCode =
  | 'address-in-use'
  | 'address-not-available'
  | 'not-permitted'
  | 'unknown-host'
  | 'other';

/** A listener that could not be had, with what to do about it. */
export class ListenError extends Error {
  readonly code: ListenErrorCode;

  constructor(options: HttpServerOptions, cause: unknown) {
    const { purpose, port } = options;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    const code = codeOf(cause);
    super(`listening on ${host}:${port} for ${purpose}: ${adviceOn(code, options, cause)}`, {
      cause,
    });
    this.name = 'ListenError';
    this.code = code;
  }
}

function codeOf(cause: unknown): ListenErrorCode {
  const systemCode = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (systemCode === 'EADDRINUSE') return 'address-in-use';
  if (systemCode === 'EADDRNOTAVAIL') return 'address-not-available';
  if (systemCode === 'EACCES' || systemCode === 'EPERM') return 'not-permitted';
  if (systemCode === 'ENOTFOUND' || systemCode === 'EAI_AGAIN') return 'unknown-host';
  return 'other';
}

function adviceOn(
  code: ListenErrorCode,
  { purpose, host, port }: HttpServerOptions,
  cause: unknown,
): string {
  switch (code) {
    case 'address-in-use':
      return `port ${port} is in use by a program that does not share it; stop that program (\`ss -lntp sport = :${port}\` names it) or give ${purpose} another address`;
    case 'address-not-available':
      return `no interface of this machine has the address ${host}`;
    case 'not-permitted':
      return `port ${port} needs the capability NET_BIND_SERVICE`;
    case 'unknown-host':
      return `the name "${host}" has no address`;
    case 'other':
      return cause instanceof Error ? cause.message : String(cause);
  }
}
