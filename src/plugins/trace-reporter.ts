/**
 * Sends spans in batches over HTTP, one request at a time. A collector that is slow or away costs
 * a bounded number of spans in memory and one log line, nothing else.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Log } from '../log/log.ts';
import type { Part } from './directive.ts';
import type { Span, TraceMessage } from './trace-span.ts';

const TIMEOUT_MS = 5000;
/** The end of the process does not wait longer than this for a collector. */
const LAST_TIMEOUT_MS = 500;

export interface TraceReporterOptions {
  readonly url: string;
  readonly maxBacklog: number;
  readonly maxBatch: number;
  readonly batchIntervalMs: number;
}

export interface TraceReporterModules {
  readonly encode: (spans: readonly Span[]) => TraceMessage;
  readonly log: Log;
}

export class TraceReporter implements Part {
  readonly #options: TraceReporterOptions;
  readonly #modules: TraceReporterModules;
  /** Spans not sent yet, oldest first. BOUNDED by maxBacklog: the oldest are dropped. */
  #backlog: Span[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sending = false;
  /** Whether the last batch was lost, so that a dead collector is reported once. */
  #isFailing = false;
  #stopped = false;

  constructor(options: TraceReporterOptions, modules: TraceReporterModules) {
    this.#options = options;
    this.#modules = modules;
  }

  async start(): Promise<void> {}

  /** Gives the last spans one chance. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#sending) await this.#sendBatch();
  }

  report(span: Span): void {
    if (this.#backlog.length >= this.#options.maxBacklog) this.#backlog.shift();
    this.#backlog.push(span);
    if (this.#sending || this.#stopped) return;
    if (this.#backlog.length >= this.#options.maxBatch) this.#sendSoon(0);
    else if (this.#timer === null) this.#sendSoon(this.#options.batchIntervalMs);
  }

  /** Sends in a turn of its own: never while a packet is being handled. */
  #sendSoon(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#sendBatch();
    }, delayMs);
    this.#timer.unref();
  }

  async #sendBatch(): Promise<void> {
    const { maxBatch, url, batchIntervalMs } = this.#options;
    const spans = this.#backlog.splice(0, maxBatch);
    if (spans.length === 0) return;
    this.#sending = true;
    try {
      await post(url, this.#modules.encode(spans), this.#stopped ? LAST_TIMEOUT_MS : TIMEOUT_MS);
      this.#isFailing = false;
    } catch (error) {
      // Spans that could not be sent are lost: what comes after them is more interesting.
      if (!this.#isFailing) this.#modules.log.warning(`sending spans to ${url}: ${String(error)}`);
      this.#isFailing = true;
    }
    this.#sending = false;
    const { length } = this.#backlog;
    if (length > 0 && !this.#stopped)
      this.#sendSoon(length >= maxBatch && !this.#isFailing ? 0 : batchIntervalMs);
  }
}

/** Rejects when the collector does not take the message. */
function post(url: string, { headers, body }: TraceMessage, timeoutMs: number): Promise<void> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(timeoutMs),
    });
    sent.on('response', (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300) resolve();
      else reject(new Error(`status ${statusCode}`));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
