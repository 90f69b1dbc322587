/** One upstream address: how to reach it, how it is doing, what it has cost. */
import { TYPE_NS } from '../dns/type.ts';
import type { Clock } from '../log/clock.ts';
import type { Attempt, Exchange } from './attempt.ts';
import type { StreamTarget } from './dial.ts';
import { HealthCheck, type HealthCheckOptions } from './health-check.ts';
import { HttpsExchange } from './https-exchange.ts';
import { HttpsProber } from './https-prober.ts';
import { buildQuestion, type Prober, StreamProber, UdpProber } from './prober.ts';
import { RoundTrip } from './round-trip.ts';
import { type ConnectionLimits, TcpExchange } from './tcp-exchange.ts';
import { UdpExchange } from './udp-exchange.ts';
import { type UdpSockets, udpSockets } from './udp-sockets.ts';
import type { UpstreamCounters } from './upstream-counters.ts';

/** Everything that makes two upstreams interchangeable. */
export interface UpstreamOptions {
  readonly target: StreamTarget;
  readonly limits: ConnectionLimits;
  readonly healthCheck: HealthCheckOptions;
  /** Health checks over TCP (`force_tcp`). */
  readonly checkOverTcp: boolean;
}

export interface UpstreamModules {
  readonly clock: Clock;
  readonly counters: UpstreamCounters;
  readonly prober?: Prober;
  readonly sockets?: UdpSockets;
  /** Called once, when it is stopped. */
  readonly onStopped?: () => void;
}

export class Upstream {
  /** `10.96.0.10:53`, `[fd00::10]:53`: the metric label. */
  readonly to: string;
  readonly counters: UpstreamCounters;
  readonly roundTrip = new RoundTrip();
  /** Also what the `loop` directive probes with. */
  readonly prober: Prober;
  /** Zones whose queries come back to us when sent there (`loop`). BOUNDED by the zones of the Corefile. */
  readonly loopingZones = new Set<string>();
  /** When the last answer came, checks included. */
  lastHeardAtMs = Number.NEGATIVE_INFINITY;
  readonly #udp: Exchange;
  readonly #stream: Exchange;
  readonly #health: HealthCheck;
  readonly #onStopped: () => void;

  constructor(options: UpstreamOptions, modules: UpstreamModules) {
    const { target, healthCheck } = options;
    const { clock, counters } = modules;
    this.#onStopped = modules.onStopped ?? (() => {});
    this.to = addressText(target.address, target.port);
    this.counters = counters;
    this.#stream = new (target.https === undefined ? TcpExchange : HttpsExchange)(
      target,
      options.limits,
      { clock, counters },
    );
    const sockets = modules.sockets ?? udpSockets();
    this.#udp =
      target.tls === null ? new UdpExchange(target, { clock, counters, sockets }) : this.#stream;
    const overStream = target.tls !== null || options.checkOverTcp;
    const OwnProber = overStream ? StreamProber : UdpProber;
    this.prober =
      modules.prober ?? new (target.https === undefined ? OwnProber : HttpsProber)(target);
    const question =
      buildQuestion(healthCheck.domain, TYPE_NS, healthCheck.recursionDesired) ?? Buffer.alloc(0);
    const onAlive = () => {
      this.lastHeardAtMs = clock.nowMs();
    };
    this.#health = new HealthCheck(healthCheck, question, {
      prober: this.prober,
      counters,
      onAlive,
    });
  }

  /** The way to ask it; a TLS upstream has only one. */
  exchange(transport: 'udp' | 'tcp'): Exchange {
    return transport === 'udp' ? this.#udp : this.#stream;
  }

  /** Something went wrong and nothing has been answered since: better ask another, if there is one. */
  get isSuspect(): boolean {
    return this.#health.isRunning;
  }

  /** Spec §5.4: down with more failed checks than `maxFails`; never with 0. */
  isDown(maxFails: number): boolean {
    return maxFails !== 0 && this.#health.fails > maxFails;
  }

  check(): void {
    this.#health.start();
  }

  noteAnswer(attempt: Attempt, rcode: number, nowMs: number): void {
    this.lastHeardAtMs = nowMs;
    // Its checks may ask what it cannot answer; who answers queries is alive.
    if (this.#health.isRunning) this.#health.noteAlive();
    this.roundTrip.observe(nowMs - attempt.sentAtMs);
    this.counters.observe(rcode, (nowMs - attempt.startedAtMs) / 1000);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#health.stop();
    this.#udp.close();
    this.#stream.close();
    this.#onStopped();
  }
}

/** An address and a port as one word; IPv6 in brackets. */
export function addressText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
