/** A UDP address and port that we answer on, with batched system calls. */
import type { Watcher } from '../sockets/libc.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { openSocket } from './open-socket.ts';
import type { SocketWait } from './socket-wait.ts';
import { UdpBatch, type UdpBatchModules } from './udp-batch.ts';
import type { UdpCounters, UdpEndpoint } from './udp-endpoint.ts';

/** How often `drain` empties the queue of someone who fills it as fast. */
const MAX_DRAIN_PASSES = 64;

/** What it works with. */
export interface UdpListenerModules extends UdpBatchModules {
  /** Null: each wait is the event loop's. */
  readonly wait: Pick<SocketWait, 'nowMs' | 'wasPause' | 'begin' | 'untilReadable'> | null;
}

export class UdpListener implements Listener {
  readonly transport = 'udp';
  readonly counters: UdpCounters = { unsent: 0 };
  readonly #options: ListenerOptions;
  readonly #modules: UdpListenerModules;
  #endpoint: UdpEndpoint | null = null;
  #batch: UdpBatch | null = null;
  #watcher: Watcher | null = null;

  constructor(options: ListenerOptions, modules: UdpListenerModules) {
    this.#options = options;
    this.#modules = modules;
  }

  get fd(): number {
    return this.#endpoint?.fd ?? -1;
  }

  get port(): number {
    return this.#endpoint?.localPort ?? 0;
  }

  /** Binds and answers. Rejects with ListenError. */
  async start(): Promise<void> {
    const { libc } = this.#modules;
    const socket = openSocket({ transport: 'udp', ...this.#options }, libc);
    this.#endpoint = {
      ...socket,
      localAddress: this.#options.address,
      localPort: socket.port,
      counters: this.counters,
      isOpen: true,
    };
    const batch = new UdpBatch(this.#endpoint, this.#modules);
    this.#batch = batch;
    this.#watcher = libc.watch(socket.fd, () => this.#answer(batch, socket.fd));
  }

  drain(): void {
    this.#watcher?.close();
    this.#watcher = null;
    const batch = this.#batch;
    for (let pass = 0; batch !== null && pass < MAX_DRAIN_PASSES; pass++) {
      if (batch.answerQueue({ nowMs: performance.now() }, false)) return;
    }
  }

  /** Answers, and waits for more, until others are to have their turn. Returns whether it left jobs. */
  #answer(batch: UdpBatch, fd: number): boolean {
    const { handler, wait } = this.#modules;
    const before = handler.handedOn;
    if (wait === null) {
      batch.answerQueue({ nowMs: performance.now() }, false);
      return handler.handedOn !== before;
    }
    wait.begin();
    for (;;) {
      const isEmpty = batch.answerQueue(wait, wait.wasPause);
      if (handler.handedOn !== before) return true;
      const mayWait = isEmpty && handler.inFlight === 0;
      if (!mayWait || !wait.untilReadable(fd, batch)) return false;
    }
  }

  async stop(): Promise<void> {
    const endpoint = this.#endpoint;
    if (endpoint === null) return;
    this.drain();
    this.#modules.outbox.flush();
    endpoint.isOpen = false;
    this.#modules.libc.close(endpoint.fd);
    this.#endpoint = null;
    this.#batch = null;
  }
}
