/**
 * Asks our own `/health` once a second. How long that takes shows whether the process keeps up:
 * the request waits in the same event loop as the queries do.
 */
import { connect, type Socket } from 'node:net';
import type { ListenAddress } from '../config/listen-address.ts';
import { goDuration } from '../config/values.ts';
import type { Clock } from '../log/clock.ts';
import { everySecond } from '../log/every-second.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { Histogram, SLIM_TIME_BOUNDS } from '../metrics/histogram.ts';

const TIMEOUT_MS = 3000;
/** A local request that takes longer than this is worth a warning. */
const SLOW_MS = 1000;

const REQUEST = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** What is counted of all probes of the process. */
export interface HealthCounts {
  readonly durations: Histogram;
  failures: number;
}

/** The process's counts, shown in the metrics. */
export function healthCounts(catalogue: Catalogue): HealthCounts {
  return catalogue.lasting('health', () => {
    const counts: HealthCounts = { durations: new Histogram(SLIM_TIME_BOUNDS), failures: 0 };
    catalogue.source('coredns_health_request_duration_seconds', (emit) =>
      emit({}, counts.durations),
    );
    catalogue.source('coredns_health_request_failures_total', (emit) => emit({}, counts.failures));
    return counts;
  });
}

export interface HealthProbeModules {
  readonly counts: HealthCounts;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Speaks just enough HTTP for its one request, on one kept connection: on an idle node this probe
 * is most of what the daemon does, and `http.get` would make it a third dearer.
 */
export class HealthProbe {
  readonly #address: ListenAddress;
  readonly #modules: HealthProbeModules;
  #endAsking: () => void = () => {};
  /** The kept connection; null before the first request and after a failure. */
  #socket: Socket | null = null;
  /** When the request that is under way was sent; null when none is. */
  #askedAtMs: number | null = null;

  constructor({ address }: { readonly address: ListenAddress }, modules: HealthProbeModules) {
    this.#address = address;
    this.#modules = modules;
  }

  /** @param port where the listener stands, which is not the address's when that says 0 */
  start(port: number): void {
    this.#endAsking = everySecond(() => this.#ask(port));
  }

  stop(): void {
    this.#endAsking();
    this.#askedAtMs = null;
    this.#disconnect();
  }

  #ask(port: number): void {
    const nowMs = this.#modules.clock.nowMs();
    if (this.#askedAtMs === null) {
      this.#askedAtMs = nowMs;
      this.#socket ??= this.#connect(port);
      this.#socket.write(REQUEST);
    } else if (nowMs - this.#askedAtMs >= TIMEOUT_MS) {
      this.#end(`no answer within ${goDuration(TIMEOUT_MS)}`);
    }
  }

  #connect(port: number): Socket {
    const socket = connect(port, probedHost(this.#address.host));
    socket.on('data', (chunk) => {
      const status = chunk.toString('latin1', 0, 12);
      this.#end(status === 'HTTP/1.1 200' ? '' : `unexpected answer "${status}"`);
    });
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#end('connection closed');
    });
    return socket;
  }

  #disconnect(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  /** Counts the request under way, if there is one. `failure` is '' for a good answer. */
  #end(failure: string): void {
    if (this.#askedAtMs === null) return;
    const { counts, clock, log } = this.#modules;
    const tookMs = clock.nowMs() - this.#askedAtMs;
    this.#askedAtMs = null;
    counts.durations.observe(tookMs / 1000);
    const request = `Local health request to "http://${this.#address.text}/health"`;
    if (failure !== '') {
      counts.failures++;
      log.warning(`${request} failed: ${failure}`);
      this.#disconnect();
    } else if (tookMs > SLOW_MS) {
      log.warning(`${request} took more than 1s: ${goDuration(tookMs)}`);
    }
  }
}

/** Where to reach a listener of ours: one on all addresses answers on the loopback interface. */
function probedHost(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
