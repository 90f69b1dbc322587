/**
 * The configuration in force, and the way to the next one: read, understand, build, start what is
 * new, swap, stop what is gone. Until the swap nothing of the old one has changed.
 */
import { readFile } from 'node:fs/promises';
import type { Log } from '../log/log.ts';
import { type Configuration, type LoadOptions, loadCorefile } from '../plugins/configuration.ts';
import type { DaemonHooks } from '../plugins/directive.ts';
import { reloadCounters } from '../plugins/reload.ts';
import { loadLibc } from '../server/libc.ts';
import { openSocket } from '../server/open-socket.ts';
import { DnsEndpoint, type EndpointModules } from './dns-endpoint.ts';
import { Generation } from './generation.ts';
import { buildRoad, type RoadModules } from './road.ts';

export interface RunningConfigurationOptions extends LoadOptions {
  readonly path: string;
}

export type RunningConfigurationModules = Omit<RoadModules, 'daemon'> & EndpointModules;

export class RunningConfiguration implements DaemonHooks {
  readonly #options: RunningConfigurationOptions;
  readonly #modules: RunningConfigurationModules;
  readonly #log: Log;
  #generation = new Generation(null);
  #configuration: Configuration | null = null;
  /** Reloads happen one after the other. */
  #tail: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(options: RunningConfigurationOptions, modules: RunningConfigurationModules) {
    this.#options = options;
    this.#modules = modules;
    this.#log = modules.log;
  }

  get corefile(): { readonly path: string; readonly text: string } {
    return { path: this.#options.path, text: this.#configuration?.text ?? '' };
  }

  /** What is served, for the zone list and the probe of our own listeners. */
  get configuration(): Configuration | null {
    return this.#configuration;
  }

  isOwnAddress(address: string, port: number): boolean {
    const listeners = this.#configuration?.listeners ?? [];
    return listeners.some(
      (own) => own.port === port && (own.address === '' || own.address === address),
    );
  }

  bindEarly(address: string, port: number): number {
    const { libc, reason } = loadLibc();
    if (libc === null) throw new Error(`binding before the address exists: ${reason}`);
    return openSocket({ transport: 'tcp', address, port }, libc).fd;
  }

  /** Puts the Corefile into force for the first time. Rejects with what is wrong, nothing left open. */
  async start(): Promise<void> {
    await this.#apply();
  }

  async reload(): Promise<boolean> {
    const turn = this.#tail.then(() => this.#tryReload());
    this.#tail = turn;
    return turn;
  }

  async beforeShutdown(): Promise<void> {
    await this.#generation.beforeShutdown();
  }

  /** Waits for a reload that is under way; none begins after this. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#tail;
    await this.#generation.stop();
  }

  async #tryReload(): Promise<boolean> {
    if (this.#stopped) return false;
    try {
      await this.#apply();
      this.#log.info('Reloading complete');
      return true;
    } catch (error) {
      reloadCounters(this.#modules.catalogue).failed++;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error(`Restart failed: ${reason}; the configuration before stays in force`);
      return false;
    }
  }

  async #apply(): Promise<void> {
    const { path } = this.#options;
    const text = await readFile(path, 'utf8');
    const configuration = loadCorefile({ text, path, env: process.env }, this.#options);
    for (const warning of configuration.warnings) this.#log.warning(warning);
    const generation = new Generation(this.#generation);
    const before = this.#configuration;
    // Parts ask for the addresses of the configuration that is about to be.
    this.#configuration = configuration;
    try {
      const tables = buildRoad(configuration, generation, { ...this.#modules, daemon: this });
      const endpoints = configuration.listeners.map((listener) =>
        generation.take(`dns ${listener.server}`, () => new DnsEndpoint(listener, this.#modules)),
      );
      endpoints.forEach((endpoint, index) => {
        if (!endpoint.isServing) endpoint.serve(tables[index].zones, tables[index].limits);
      });
      await generation.start();
      endpoints.forEach((endpoint, index) => {
        endpoint.serve(tables[index].zones, tables[index].limits);
      });
    } catch (error) {
      this.#configuration = before;
      throw error;
    }
    this.#generation = generation;
    await generation.retirePrevious();
    reloadCounters(this.#modules.catalogue).digest = configuration.digest;
  }
}
