/**
 * The upstreams behind one host name. The name is looked up when its directive comes into force,
 * and again when what was found is no longer valid; an address that stays keeps its upstream, with
 * its connections and what is known of its health.
 *
 * What was found is used until something else is found: a name server that is gone, or denies the
 * name, is no reason to be without upstreams.
 */
import type { Log } from '../log/log.ts';
import type { HostAddresses, HostLookup } from './host-lookup.ts';
import type { Upstream } from './upstream.ts';

/** How long a configuration waits for the first look-up of a name before it comes into force. */
const FIRST_PATIENCE_MS = 2000;
/** When a name is looked up again: after its TTL, within these bounds. */
const MIN_INTERVAL_MS = 5000;
const MAX_INTERVAL_MS = 300_000;
/** After a failure, twice as long after each further one. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
/** Addresses of one name that are used. */
const MAX_ADDRESSES = 64;

export interface NamedUpstreamsOptions {
  /** To be asked for as it is. */
  readonly name: string;
}

export interface NamedUpstreamsModules {
  readonly lookup: HostLookup;
  readonly log: Log;
  readonly makeUpstream: (address: string) => Upstream;
  /** Whether queries sent to the address would come back here. */
  readonly leadsBack: (address: string) => boolean;
}

export class NamedUpstreams {
  readonly #name: string;
  readonly #modules: NamedUpstreamsModules;
  /** By address, in the order of use. BOUNDED by MAX_ADDRESSES. */
  #upstreams: ReadonlyMap<string, Upstream> = new Map();
  /** What was found last for each family. BOUNDED by a DNS message. */
  #ipv4: readonly string[] = [];
  #ipv6: readonly string[] = [];
  /** BOUNDED by the `forward` directives that name it, in this configuration and the next. */
  readonly #listeners = new Set<() => void>();
  #failures = 0;
  #problem = 'not looked up yet';
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(options: NamedUpstreamsOptions, modules: NamedUpstreamsModules) {
    this.#name = options.name;
    this.#modules = modules;
  }

  /** Those to ask now; may be empty. */
  get upstreams(): readonly Upstream[] {
    return [...this.#upstreams.values()];
  }

  /** Why there are none, or why they may be out of date; '' when all is well. */
  get problem(): string {
    return this.#problem === '' ? '' : `resolving "${this.#name}": ${this.#problem}`;
  }

  /** Calls back whenever `upstreams` has changed, until what it returns is called. */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks the name up. Resolves when that is done, or would take too long to wait for. */
  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = setTimeout(resolve, FIRST_PATIENCE_MS);
    void this.#look().then(resolve);
    await promise;
    clearTimeout(patience);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(this.upstreams.map((upstream) => upstream.stop()));
  }

  async #look(): Promise<void> {
    const found = await this.#modules.lookup.lookUp(this.#name);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#look(), this.#take(found)).unref();
  }

  /** Uses what was found. Returns after how many milliseconds to look again. */
  #take({ ipv4, ipv6, ttlSeconds, problem }: HostAddresses): number {
    const isDenied = ipv4?.length === 0 && ipv6?.length === 0;
    if (!isDenied) {
      this.#ipv4 = ipv4 ?? this.#ipv4;
      this.#ipv6 = ipv6 ?? this.#ipv6;
      this.#use([...this.#ipv4.toSorted(), ...this.#ipv6.toSorted()]);
    }
    const isFound = (ipv4?.length ?? 0) + (ipv6?.length ?? 0) > 0;
    if (!isFound) return this.#failed(isDenied ? 'it has no address' : problem);
    if (this.#upstreams.size === 0) return this.#failed('its addresses lead back to this server');
    if (this.#failures > 0) this.#modules.log.info(`"${this.#name}" is resolved again`);
    this.#failures = 0;
    this.#problem = '';
    return Math.min(Math.max(ttlSeconds * 1000, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
  }

  #failed(problem: string): number {
    this.#problem = problem;
    if (this.#failures++ === 0) {
      const used = [...this.#upstreams.keys()].join(', ');
      const meanwhile = used === '' ? 'without it until it is' : `using ${used} until it is`;
      this.#modules.log.error(`${this.problem}; trying again, ${meanwhile}`);
    }
    return Math.min(RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS);
  }

  #use(found: readonly string[]): void {
    const { leadsBack, makeUpstream, log } = this.#modules;
    const usable = found.filter((address) => !leadsBack(address));
    const wanted = [...new Set(usable)].slice(0, MAX_ADDRESSES);
    const before = this.#upstreams;
    const isSame = wanted.length === before.size && wanted.every((address) => before.has(address));
    if (isSame) return;
    const next = wanted.map((address): [string, Upstream] => [
      address,
      before.get(address) ?? makeUpstream(address),
    ]);
    this.#upstreams = new Map(next);
    if (wanted.length > 0) log.info(`"${this.#name}" is ${wanted.join(', ')}`);
    if (usable.length > wanted.length) {
      log.warning(`"${this.#name}" has ${usable.length} addresses, using ${wanted.length}`);
    }
    for (const listener of this.#listeners) listener();
    // What is under way with them ends by itself.
    for (const [address, upstream] of before) {
      if (!this.#upstreams.has(address)) void upstream.stop();
    }
  }
}
