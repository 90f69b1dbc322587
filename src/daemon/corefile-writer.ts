/**
 * Makes the Corefile from its template and the kube-dns ConfigMap, again whenever one of them
 * changes (spec §3). A fault keeps the Corefile that was written last.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeAtomically } from '../config/atomic-write.ts';
import { effectiveCorefile } from '../config/effective-corefile.ts';
import { readFolder } from '../config/folder.ts';
import {
  EMPTY_KUBE_DNS_CONFIG,
  type KubeDnsConfig,
  readKubeDnsConfig,
} from '../config/kube-dns-config.ts';
import type { TemplateValues } from '../config/template.ts';
import { PathWatch } from '../config/watch.ts';
import type { SetupErrors } from '../host/setup-errors.ts';
import type { Log } from '../log/log.ts';

const POLL_INTERVAL_MS = 10_000;
/** kubelet swaps a ConfigMap in several steps; what follows within this time is one change. */
const DEBOUNCE_MS = 200;

export interface CorefileWriterOptions {
  readonly templatePath: string;
  readonly corefilePath: string;
  /** The kube-dns ConfigMap's folder; null: there is none to look at. */
  readonly kubeDnsFolder: string | null;
  readonly dnsPort: number;
  readonly values: Omit<TemplateValues, 'upstreamServers'>;
}

export interface CorefileWriterModules {
  readonly log: Log;
  readonly counters: SetupErrors;
  /** Called after a Corefile with another text was written. */
  readonly onWritten: () => void;
}

export class CorefileWriter {
  readonly #options: CorefileWriterOptions;
  readonly #modules: CorefileWriterModules;
  readonly #watches: readonly PathWatch[];
  /** The last one that was valid. */
  #kubeDns: KubeDnsConfig = EMPTY_KUBE_DNS_CONFIG;
  #written = '';

  constructor(options: CorefileWriterOptions, modules: CorefileWriterModules) {
    this.#options = options;
    this.#modules = modules;
    const folders = [dirname(options.templatePath), options.kubeDnsFolder];
    this.#watches = folders
      .filter((folder) => folder !== null)
      .map(
        (path) =>
          new PathWatch(
            { path, kind: 'folder', pollIntervalMs: POLL_INTERVAL_MS, debounceMs: DEBOUNCE_MS },
            { onChange: () => void this.#rewrite() },
          ),
      );
  }

  /** Writes the Corefile for the first time. Throws CorefileError for a template with a fault. */
  async write(): Promise<void> {
    this.#readKubeDns();
    await this.#writeText();
  }

  start(): void {
    for (const watch of this.#watches) watch.start();
  }

  stop(): void {
    for (const watch of this.#watches) watch.stop();
  }

  async #rewrite(): Promise<void> {
    try {
      this.#readKubeDns();
      if (await this.#writeText()) this.#modules.onWritten();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** An invalid ConfigMap is looked at again when it changes; until then the last good one counts. */
  #readKubeDns(): void {
    const { kubeDnsFolder } = this.#options;
    if (kubeDnsFolder === null) return;
    try {
      this.#kubeDns = readKubeDnsConfig(readFolder(kubeDnsFolder).files);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** True when another text than before was written. */
  async #writeText(): Promise<boolean> {
    const template = this.#readTemplate();
    if (template === null) return false;
    const { log } = this.#modules;
    const { templatePath, corefilePath, dnsPort, values } = this.#options;
    const kubeDns = this.#kubeDns;
    const { text, warnings } = effectiveCorefile({
      template,
      templatePath,
      kubeDns,
      dnsPort,
      env: process.env,
      values,
    });
    if (text === this.#written) return false;
    for (const warning of warnings) log.warning(warning);
    try {
      await writeAtomically(corefilePath, text);
    } catch (error) {
      this.#fault(error);
      return false;
    }
    this.#written = text;
    log.info(`Updated Corefile ${corefilePath} with content:\n${text}`);
    return true;
  }

  /** A template that is not there is no fault of the start: some mount the Corefile itself. */
  #readTemplate(): string | null {
    try {
      return readFileSync(this.#options.templatePath, 'utf8');
    } catch (error) {
      this.#fault(error);
      return null;
    }
  }

  #fault(error: unknown): void {
    this.#modules.counters.configmap++;
    this.#modules.log.error(
      `making the Corefile: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
