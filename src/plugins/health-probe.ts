/**
 * Asks our own `/health` once a second. How long that takes shows whether the process keeps up:
 * the request waits in the same event loop as the queries do.
 */
import { Agent, get } from 'node:http';
import type { ListenAddress } from '../config/listen-address.ts';
import { goDuration } from '../config/values.ts';
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { Histogram, SLIM_TIME_BOUNDS } from '../metrics/histogram.ts';

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 3000;
/** A local request that takes longer than this is worth a warning. */
const SLOW_MS = 1000;

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

export class HealthProbe {
  readonly #address: ListenAddress;
  readonly #modules: HealthProbeModules;
  /** One connection, kept: a new one each second would cost more than the request. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #timer: NodeJS.Timeout | null = null;
  #waiting = false;

  constructor({ address }: { readonly address: ListenAddress }, modules: HealthProbeModules) {
    this.#address = address;
    this.#modules = modules;
  }

  /** @param port where the listener stands, which is not the address's when that says 0 */
  start(port: number): void {
    this.#timer = setInterval(() => this.#ask(port), INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#agent.destroy();
  }

  #ask(port: number): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const startMs = this.#modules.clock.nowMs();
    const request = get({
      host: probedHost(this.#address.host),
      port,
      path: '/health',
      agent: this.#agent,
      timeout: TIMEOUT_MS,
    });
    request.on('response', (response) => {
      response.resume();
      response.on('close', () => this.#count(startMs, null));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS}ms`)));
    request.on('error', (error) => this.#count(startMs, error));
  }

  #count(startMs: number, error: Error | null): void {
    // A response may be cut short after it began: both events come, the first one counts.
    if (!this.#waiting) return;
    this.#waiting = false;
    // Stopping breaks off the request under way, which says nothing about our health.
    if (this.#timer === null) return;
    const { counts, clock, log } = this.#modules;
    const tookMs = clock.nowMs() - startMs;
    const url = `"http://${this.#address.text}/health"`;
    counts.durations.observe(tookMs / 1000);
    if (error !== null) {
      counts.failures++;
      log.warning(`Local health request to ${url} failed: ${error.message}`);
    } else if (tookMs > SLOW_MS) {
      log.warning(`Local health request to ${url} took more than 1s: ${goDuration(tookMs)}`);
    }
  }
}

/** Where to reach a listener of ours: one on all addresses answers on the loopback interface. */
function probedHost(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
