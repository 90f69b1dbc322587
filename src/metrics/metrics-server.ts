/**
 * The page `/metrics` on one address. DNS is not to suffer for its metrics: when the address cannot
 * be had, that is logged and tried again, but stops nothing.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Log } from '../log/log.ts';
import type { Catalogue } from './catalogue.ts';
import { CONTENT_TYPE, expose } from './exposition.ts';
import { type HttpHandler, HttpServer, type HttpServerOptions } from './http-server.ts';

const RETRY_MS = 10_000;
/**
 * The text repeats itself so much, line by line, that the quickest way is nearly as good as any, and
 * that a small memory (64 KiB, not 270, for each answer) sees enough of it. On the spot that takes a
 * fraction of a millisecond; to have another thread do it costs several times as much on this one.
 */
/** Z_BEST_SPEED, as a number: naming it would load the module with the program. */
const BEST_SPEED = 1;
const COMPRESSION = { level: BEST_SPEED, windowBits: 13, memLevel: 6 };

export interface MetricsServerOptions extends HttpServerOptions {
  /** Whether scrapes are counted in promhttp_metric_handler_*, as on node-cache's own port. */
  readonly countScrapes: boolean;
}

export interface MetricsServerModules {
  /** What else is served there, by path. */
  readonly routes?: ReadonlyMap<string, HttpHandler>;
  readonly catalogue: Catalogue;
  readonly log: Log;
}

export class MetricsServer {
  readonly #server: HttpServer;
  readonly #log: Log;
  /** Waits for the next attempt to listen; null when none is due. */
  #retry: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: MetricsServerOptions, { catalogue, log, routes }: MetricsServerModules) {
    const scrape = (request: IncomingMessage, response: ServerResponse) =>
      sendMetrics(catalogue, request, response);
    const handler = options.countScrapes ? countScrapes(catalogue, scrape) : scrape;
    this.#server = new HttpServer(options, new Map([...(routes ?? []), ['/metrics', handler]]));
    this.#log = log;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Never rejects. */
  async start(): Promise<void> {
    try {
      await this.#server.start();
    } catch (error) {
      this.#log.error(`metrics cannot be read here: ${messageOf(error)}`);
      this.#tryAgainLater();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    await this.#server.stop();
  }

  #tryAgainLater(): void {
    this.#retry = setTimeout(() => void this.#tryAgain(), RETRY_MS);
    this.#retry.unref();
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.#server.start();
      if (this.#stopped) await this.#server.stop();
      else this.#log.info(`metrics can be read on port ${this.#server.port} now`);
    } catch {
      if (!this.#stopped) this.#tryAgainLater();
    }
  }
}

type Scrape = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function sendMetrics(
  catalogue: Catalogue,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = await expose(catalogue);
  response.setHeader('content-type', CONTENT_TYPE);
  if (!acceptsGzip(request)) {
    response.end(text);
    return;
  }
  response.setHeader('content-encoding', 'gzip');
  response.end(gzipSync(text, COMPRESSION));
}

/** Whether the client takes gzip (RFC 9110 §12.5.3): it names it and does not give it weight 0. */
function acceptsGzip(request: IncomingMessage): boolean {
  const codings = String(request.headers['accept-encoding'] ?? '').split(',');
  return codings.some((coding) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(coding));
}

/** Counts what `scrape` answers. Each code is there from the start, as in the original. */
function countScrapes(catalogue: Catalogue, scrape: Scrape): Scrape {
  const answered = { '200': 0, '500': 0, '503': 0 };
  let inFlight = 0;
  catalogue.source('promhttp_metric_handler_requests_total', (emit) => {
    for (const [code, count] of Object.entries(answered)) emit({ code }, count);
  });
  catalogue.source('promhttp_metric_handler_requests_in_flight', (emit) => emit({}, inFlight));
  return async (request, response) => {
    inFlight++;
    try {
      await scrape(request, response);
      answered['200']++;
    } catch (error) {
      answered['500']++;
      throw error;
    } finally {
      inFlight--;
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
