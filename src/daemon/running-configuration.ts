/**
 * The configuration in force, and the way to the next one: read, understand, build, start what is
 * new, swap, stop what is gone. Until the swap nothing of the old one has changed.
 */
import { networkInterfaces } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { diskFiles, recordSources, type Source } from '../config/file-source.ts';
import type { Listener } from '../config/listeners.ts';
import { refuseTemplate } from '../config/template.ts';
import { contentVersion } from '../config/watch.ts';
import { NamedUpstreams } from '../forward/named-upstreams.ts';
import { Upstream } from '../forward/upstream.ts';
import { hasOtherOwner } from '../host/other-instance.ts';
import type { Log } from '../log/log.ts';
import { CachePart } from '../plugins/cache-part.ts';
import {
  type Configuration,
  type LoadOptions,
  loadCorefile,
  understandCorefile,
} from '../plugins/configuration.ts';
import type { CorefileInForce, DaemonHooks } from '../plugins/directive.ts';
import { reloadCounters } from '../plugins/reload.ts';
import { openSocket } from '../server/open-socket.ts';
import { loadLibc } from '../sockets/libc.ts';
import { corefileReader, type ReadCorefile, STDIN } from './corefile-text.ts';
import { DnsEndpoint, type EndpointModules } from './dns-endpoint.ts';
import { Generation } from './generation.ts';
import { handOverCounts } from './hand-over-counts.ts';
import type { Whereabouts } from './hand-over-socket.ts';
import { buildRoad, type RoadModules } from './road.ts';
import { TakeOver } from './take-over.ts';

export interface RunningConfigurationOptions extends LoadOptions {
  readonly path: string;
  /** Where an instance before us may be found. */
  readonly whereabouts: Whereabouts;
}

export type RunningConfigurationModules = Omit<RoadModules, 'daemon'> & EndpointModules;

/** Makes the next configuration; null: the one in force is to stay. */
type MakeConfiguration = () => Promise<Configuration | null>;

export class RunningConfiguration implements DaemonHooks {
  readonly #options: RunningConfigurationOptions;
  readonly #modules: RunningConfigurationModules;
  readonly #log: Log;
  readonly #readText: ReadCorefile;
  #generation = new Generation(null);
  #configuration: Configuration | null = null;
  /** BOUNDED by the files that a Corefile may import. */
  #sources: readonly Source[] = [];
  /** Reloads happen one after the other. */
  #tail: Promise<unknown> = Promise.resolve();
  #isEnding = false;

  constructor(options: RunningConfigurationOptions, modules: RunningConfigurationModules) {
    this.#options = options;
    this.#modules = modules;
    this.#log = modules.log;
    this.#readText = corefileReader(options.path);
  }

  get corefile(): CorefileInForce {
    return { digest: this.#configuration?.digest ?? '', sources: this.#sources };
  }

  /** What is served, for the zone list and the probe of our own listeners. */
  get configuration(): Configuration | null {
    return this.#configuration;
  }

  get endpoints(): readonly DnsEndpoint[] {
    return [...this.#generation.parts].filter((part) => part instanceof DnsEndpoint);
  }

  get caches(): readonly CachePart[] {
    return cachesOf(this.#generation);
  }

  get upstreams(): readonly Upstream[] {
    return [...this.#generation.parts].flatMap((part) => {
      if (part instanceof NamedUpstreams) return part.upstreams;
      return part instanceof Upstream ? [part] : [];
    });
  }

  isOwnAddress(address: string, port: number): boolean {
    const listeners = this.#configuration?.listeners ?? [];
    return listeners.some(
      (own) =>
        own.port === port &&
        (own.address === '' ? isOfThisMachine(address) : own.address === address),
    );
  }

  bindEarly(address: string, port: number): number {
    const { libc, reason } = loadLibc();
    if (libc === null) throw new Error(`binding before the address exists: ${reason}`);
    return openSocket(
      { transport: 'tcp', address, port, mayAppear: this.#mayAppear(address) },
      libc,
    ).fd;
  }

  /** Puts the Corefile into force for the first time. Rejects with what is wrong, nothing left open. */
  async start(): Promise<void> {
    const turn = this.#load().then((configuration) => this.#putIntoForce(configuration));
    this.#tail = turn.catch(() => {});
    await turn;
  }

  /** Throws CorefileError when the Corefile would be refused with this text. */
  check(text: string): void {
    this.#refuseEmpty(text);
    loadCorefile({ text, path: this.#options.path, env: process.env }, this.#options);
  }

  reload(): Promise<boolean> {
    return this.#inTurn(() => this.#load());
  }

  reloadIfChanged(): Promise<boolean> {
    return this.#inTurn(async () => {
      const configuration = await this.#load();
      return configuration.digest === this.#configuration?.digest ? null : configuration;
    });
  }

  refresh(): Promise<boolean> {
    return this.#inTurn(async () => {
      const inForce = this.#configuration;
      return inForce && understandCorefile(inForce.parsed, this.#options);
    });
  }

  /** From now on the configuration stays as it is. */
  async beforeShutdown(): Promise<void> {
    this.#isEnding = true;
    await this.#tail;
    await this.#generation.beforeShutdown();
  }

  /** Waits for a reload that is under way; none begins after this. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#tail;
    await this.#generation.stop();
  }

  #inTurn(make: MakeConfiguration): Promise<boolean> {
    const turn = this.#tail.then(() => this.#tryReload(make));
    this.#tail = turn;
    return turn;
  }

  async #tryReload(make: MakeConfiguration): Promise<boolean> {
    if (this.#isEnding) return false;
    try {
      const configuration = await make();
      if (configuration === null) return true;
      // Each of these steps takes a millisecond or more: queries have their turn in between.
      await nextTurn();
      await this.#putIntoForce(configuration);
      this.#log.info('Reloading complete');
      return true;
    } catch (error) {
      reloadCounters(this.#modules.catalogue).failed++;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error(`Restart failed: ${reason}; the configuration before stays in force`);
      return false;
    }
  }

  /** Reads the Corefile, and puts down what it was read from. */
  async #load(): Promise<Configuration> {
    const { path } = this.#options;
    const kind = 'file';
    const sources = new Map<string, Source>();
    if (path !== STDIN) sources.set(path, { path, kind, version: contentVersion(path, kind) });
    try {
      const text = await this.#readText();
      refuseTemplate(text, path);
      if (this.#configuration !== null && path !== STDIN) this.#refuseEmpty(text);
      const files = recordSources(diskFiles, sources);
      return loadCorefile({ text, path, env: process.env }, this.#options, files);
    } finally {
      this.#sources = [...sources.values()];
    }
  }

  /**
   * A Corefile without a word stands for `whoami`, but where another one is in force somebody is about
   * to write it: many editors empty a file first.
   */
  #refuseEmpty(text: string): void {
    if (text.trim() === '') throw new Error(`${this.#options.path} is empty`);
  }

  async #putIntoForce(configuration: Configuration): Promise<void> {
    for (const warning of configuration.parsed.warnings) this.#log.warning(warning);
    const generation = new Generation(this.#generation);
    const before = this.#configuration;
    // Parts ask for the addresses of the configuration that is about to be.
    this.#configuration = configuration;
    try {
      const tables = buildRoad(configuration, generation, { ...this.#modules, daemon: this });
      // Parts start in this order: what another instance gives us comes before the first query.
      generation.take('take-over', () => this.#createTakeOver(configuration, generation));
      const endpoints = configuration.listeners.map((listener) =>
        generation.take(`dns ${listener.server}`, () => this.#endpointFor(listener)),
      );
      endpoints.forEach((endpoint, index) => {
        if (!endpoint.isServing) endpoint.serve(tables[index].zones, tables[index].limits);
      });
      await nextTurn();
      await generation.start();
      endpoints.forEach((endpoint, index) => {
        endpoint.serve(tables[index].zones, tables[index].limits);
      });
    } catch (error) {
      this.#configuration = before;
      throw error;
    }
    const { text } = configuration.parsed;
    if (text !== before?.parsed.text)
      this.#log.info(`Corefile ${this.#options.path} says:\n${text}`);
    this.#generation = generation;
    await generation.retirePrevious();
    reloadCounters(this.#modules.catalogue).digest = configuration.digest;
  }

  #endpointFor(served: Listener): DnsEndpoint {
    const mayAppear = this.#mayAppear(served.address);
    return new DnsEndpoint({ served, mayAppear }, this.#modules);
  }

  /** Whether the node gets the address from us, when we listen. */
  #mayAppear(address: string): boolean {
    return this.#options.ownInterface?.addresses.includes(address) === true;
  }

  #createTakeOver({ listeners }: Configuration, generation: Generation): TakeOver {
    const isServed = () =>
      listeners.some(({ address, port }) => hasOtherOwner(address === '' ? '::' : address, port));
    const rehearse = () => this.#endpointFor(listeners[0]).rehearse();
    const { clock, catalogue } = this.#modules;
    return new TakeOver(this.#options.whereabouts, {
      isServed,
      rehearse,
      caches: () => cachesOf(generation),
      counts: handOverCounts(catalogue),
      clock,
      log: this.#log,
    });
  }
}

function cachesOf(generation: Generation): CachePart[] {
  return [...generation.parts].filter((part) => part instanceof CachePart);
}

/** Whether an interface has the address, or it is a loopback one. */
function isOfThisMachine(address: string): boolean {
  if (address.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}
