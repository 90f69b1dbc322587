import type { Part, Parts } from '../plugins/directive.ts';

/**
 * The parts of one configuration. A part that the configuration before had under the same key is
 * taken over as it is, running: so a reload keeps sockets, caches and upstream connections.
 */
export class Generation implements Parts {
  /** What the configuration in force holds; its parts may be taken over. */
  #previous: Generation | null;
  /** BOUNDED by what the Corefile asks for. */
  readonly #parts = new Map<string, Part>();
  /** Made for this configuration, in the order they were asked for. BOUNDED as #parts. */
  readonly #fresh: Part[] = [];

  constructor(previous: Generation | null) {
    this.#previous = previous;
  }

  take<P extends Part>(key: string, make: () => P): P {
    const known = this.#parts.get(key) ?? this.#inherited(key);
    if (known !== undefined) {
      this.#parts.set(key, known);
      return known as P;
    }
    const made = make();
    this.#parts.set(key, made);
    this.#fresh.push(made);
    return made;
  }

  /** All parts, in the order in which they were first asked for. */
  get parts(): Iterable<Part> {
    return this.#parts.values();
  }

  /** Starts what is new. On a failure all that was started is stopped again before it rejects. */
  async start(): Promise<void> {
    const started: Part[] = [];
    try {
      for (const part of this.#fresh) {
        started.push(part);
        await part.start();
      }
    } catch (error) {
      for (const part of started.reverse()) await part.stop();
      throw error;
    }
  }

  /** Stops the parts of the configuration before that this one did not take over. */
  async retirePrevious(): Promise<void> {
    const previous = this.#previous;
    if (previous === null) return;
    this.#previous = null;
    const gone = [...previous.#parts].filter(([key, part]) => this.#parts.get(key) !== part);
    // All at once: one that takes long, to answer what it still holds, does not hold up the others.
    await Promise.all(gone.reverse().map(([, part]) => part.stop()));
  }

  /** What each part does before anything is torn down: `health` waits its lameduck time. */
  async beforeShutdown(): Promise<void> {
    await Promise.all([...this.#parts.values()].map((part) => part.beforeShutdown?.()));
  }

  /** Stops all parts, the last one made first. */
  async stop(): Promise<void> {
    for (const part of [...this.#parts.values()].reverse()) await part.stop();
  }

  #inherited(key: string): Part | undefined {
    return this.#previous === null ? undefined : this.#previous.#parts.get(key);
  }
}
