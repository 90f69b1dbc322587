/**
 * Queries to one upstream over UDP.
 *
 * RFC 5452 §9.2: use "an unpredictable source port for outgoing queries from the range of available
 * ports". A port of its own for each query would cost several µs to open and close. So each query
 * takes one of a few ports by chance, together with what else is sent in the same turn of the event
 * loop, and each port, drawn by the kernel from its whole range, is given up after a few queries or
 * seconds. Who does not see the traffic still has to guess port and ID together for one of many
 * outstanding questions; who learns a port has it for a moment only.
 */
import { everySecond } from '../log/every-second.ts';
import type { Attempt, Exchange, Protocol } from './attempt.ts';
import { jittered, randomBelow } from './random.ts';
import { UdpPort, type UdpPortModules } from './udp-port.ts';
import type { UdpTarget } from './udp-sockets.ts';

/** Ports in use at a time. */
const PORTS = 8;
/**
 * Ports open at a time, those included that only wait for last answers. From there on the ports in
 * use are kept: that many are open while the upstream is slow or gone.
 */
const MAX_OPEN = 64;
/** Queries in the life of a port, moved by jitter. */
const QUERIES_PER_PORT = 32;
const MAX_PORT_AGE_MS = 5000;

export class UdpExchange implements Exchange {
  readonly protocol: Protocol = 'udp';
  readonly #target: UdpTarget;
  readonly #modules: UdpPortModules;
  /** BOUNDED by PORTS; ports given up close by themselves with their last answer, see MAX_OPEN. */
  readonly #ports: (UdpPort | null)[] = new Array(PORTS).fill(null);
  #openCount = 0;
  /** Where the last query went. */
  #current = 0;
  /** Null while no port is open. */
  #endSweeps: (() => void) | null = null;
  #isClosed = false;

  constructor(target: UdpTarget, modules: Omit<UdpPortModules, 'onClosed'>) {
    this.#target = target;
    const onClosed = () => {
      this.#openCount--;
      modules.counters.sockets.udp--;
    };
    this.#modules = { ...modules, onClosed };
  }

  send(attempt: Attempt, nowMs: number): void {
    if (this.#ports[this.#current]?.isGathering !== true) this.#current = randomBelow(PORTS);
    const slot = this.#current;
    const { udp } = this.#modules.counters.reuse;
    let port = this.#ports[slot];
    if (port?.isOpen && (!port.isUsedUp || !this.#mayOpen)) {
      udp.hits++;
    } else {
      udp.misses++;
      port?.retire();
      port = this.#open(slot);
    }
    port.send(attempt, nowMs);
    if (this.#isClosed) port.retire();
  }

  missed(attempt: Attempt): void {
    const { carrier } = attempt;
    if (!(carrier instanceof UdpPort) || !carrier.isSilentSince(attempt)) return;
    if (!this.#mayOpen) return;
    carrier.retire();
    // Behind a service address a port is tied to one pod, which may be gone: ask from others. Those
    // that were silent as well may be tied to the same.
    for (const port of this.#ports) {
      const wasThere = port !== null && port.openedAtMs < attempt.sentAtMs;
      if (wasThere && port.isSilentSince(attempt)) port.retire();
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const port of this.#ports) port?.retire();
    this.#ports.fill(null);
    this.#endSweeps?.();
    this.#endSweeps = null;
  }

  get #mayOpen(): boolean {
    return this.#openCount < MAX_OPEN;
  }

  #open(slot: number): UdpPort {
    this.#openCount++;
    this.#modules.counters.sockets.udp++;
    const port = new UdpPort(this.#target, jittered(QUERIES_PER_PORT), this.#modules);
    this.#ports[slot] = port;
    if (!this.#isClosed) this.#endSweeps ??= everySecond(() => this.#sweep());
    return port;
  }

  /** Gives up old ports. */
  #sweep(): void {
    const oldest = this.#modules.clock.nowMs() - MAX_PORT_AGE_MS;
    let open = 0;
    this.#ports.forEach((port, slot) => {
      if (port === null) return;
      if (port.openedAtMs > oldest && port.isOpen && !port.isUsedUp) {
        open++;
        return;
      }
      port.retire();
      this.#ports[slot] = null;
    });
    if (open > 0) return;
    this.#endSweeps?.();
    this.#endSweeps = null;
  }
}
