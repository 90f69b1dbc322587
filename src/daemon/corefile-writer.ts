/**
 * Makes the Corefile from its template and the kube-dns ConfigMap, again whenever one of them
 * changes (spec §3). A Corefile that would be refused is not written: the one before stays, and the
 * next change is the next attempt.
 */
import { readFileSync } from 'node:fs';
import { writeAtomically } from '../config/atomic-write.ts';
import { effectiveCorefile } from '../config/effective-corefile.ts';
import { readFolder } from '../config/folder.ts';
import {
  EMPTY_KUBE_DNS_CONFIG,
  type KubeDnsConfig,
  KubeDnsConfigError,
  readKubeDnsConfig,
} from '../config/kube-dns-config.ts';
import type { FilledTemplate, TemplateValues } from '../config/template.ts';
import { contentVersion } from '../config/watch.ts';
import { WatchedSources } from '../config/watched-sources.ts';
import type { SetupErrors } from '../host/setup-errors.ts';
import type { Log } from '../log/log.ts';

/** In case the file system does not say that something has changed. */
const POLL_INTERVAL_MS = 10_000;

export interface CorefileWriterOptions {
  readonly templatePath: string;
  readonly corefilePath: string;
  /** The kube-dns ConfigMap's folder; it may come later. */
  readonly kubeDnsFolder: string;
  /** Whether it is a fault that the folder is not there. */
  readonly kubeDnsFolderGiven: boolean;
  readonly dnsPort: number;
  readonly values: Omit<TemplateValues, 'upstreamServers'>;
}

export interface CorefileWriterModules {
  readonly log: Log;
  readonly counters: SetupErrors;
  /** Throws when a Corefile with this text would be refused. */
  readonly check: (text: string) => void;
  /** Called after a Corefile with another text was written because of a change. */
  readonly onWritten: () => void;
  /** Called when a change came to nothing because of a fault. */
  readonly onRefused: () => void;
}

export class CorefileWriter {
  readonly #options: CorefileWriterOptions;
  readonly #modules: CorefileWriterModules;
  readonly #sources: WatchedSources;
  /** Changes are worked on one after the other. */
  #tail: Promise<unknown> = Promise.resolve();
  /** The last one that was valid. */
  #kubeDns: KubeDnsConfig = EMPTY_KUBE_DNS_CONFIG;
  /** What is in the file; '' before it was written. */
  #written = '';

  constructor(options: CorefileWriterOptions, modules: CorefileWriterModules) {
    this.#options = options;
    this.#modules = modules;
    this.#sources = new WatchedSources(
      { pollIntervalMs: POLL_INTERVAL_MS },
      { onChange: () => void this.#follow() },
    );
  }

  /**
   * Writes the Corefile for the first time and follows what it is made from. Rejects with
   * CorefileError for a template with a fault. A fault of the ConfigMap leaves out what it says.
   */
  async start(): Promise<void> {
    const { templatePath, kubeDnsFolder } = this.#options;
    const sources = [
      { path: templatePath, kind: 'file' },
      { path: kubeDnsFolder, kind: 'folder' },
    ] as const;
    this.#sources.replace(
      sources.map(({ path, kind }) => ({ path, kind, version: contentVersion(path, kind) })),
    );
    await this.#write(this.#make());
  }

  stop(): void {
    this.#sources.stop();
  }

  /** Looks now whether the Corefile is to be another one, and writes it. Never rejects. */
  async look(): Promise<void> {
    await this.#update();
  }

  async #follow(): Promise<void> {
    if (await this.#update()) this.#modules.onWritten();
  }

  /** True when another text than before was written. */
  #update(): Promise<boolean> {
    const turn = this.#tail.then(async () => {
      const { counters, onRefused } = this.#modules;
      const faultsBefore = counters.configmap;
      try {
        const filled = this.#make();
        if (filled !== null) this.#check(filled.text);
        return await this.#write(filled);
      } catch (error) {
        this.#fault(error);
        return false;
      } finally {
        if (counters.configmap !== faultsBefore) onRefused();
      }
    });
    this.#tail = turn;
    return turn;
  }

  /** The Corefile as it is to be; null without a template. Throws for a fault of the template. */
  #make(): FilledTemplate | null {
    const template = this.#readTemplate();
    if (template === null) return null;
    const candidate = this.#readKubeDns();
    if (candidate === null) return this.#fill(template, this.#kubeDns);
    try {
      const filled = this.#fill(template, candidate);
      this.#kubeDns = candidate;
      return filled;
    } catch (error) {
      if (!(error instanceof KubeDnsConfigError)) throw error;
      this.#fault(error);
      return this.#fill(template, this.#kubeDns);
    }
  }

  #fill(template: string, kubeDns: KubeDnsConfig): FilledTemplate {
    const { templatePath, dnsPort, values } = this.#options;
    const env = process.env;
    return effectiveCorefile({ template, templatePath, kubeDns, dnsPort, env, values });
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

  /** What the ConfigMap says now; null, after saying so, when it is invalid. */
  #readKubeDns(): KubeDnsConfig | null {
    const { kubeDnsFolder, kubeDnsFolderGiven } = this.#options;
    try {
      return readKubeDnsConfig(readFolder(kubeDnsFolder).files);
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (isMissing && !kubeDnsFolderGiven) return EMPTY_KUBE_DNS_CONFIG;
      this.#fault(error);
      return null;
    }
  }

  /** Throws when the Corefile would be refused: what serves now is better than what would not. */
  #check(text: string): void {
    try {
      this.#modules.check(text);
    } catch (cause) {
      const { templatePath } = this.#options;
      const message = `${templatePath} leads to a Corefile that is refused: ${messageOf(cause)}`;
      throw new Error(message, { cause });
    }
  }

  /** Writes it unless it is what was written before. True when something was written. */
  async #write(filled: FilledTemplate | null): Promise<boolean> {
    if (filled === null || filled.text === this.#written) return false;
    const { text, warnings } = filled;
    const { log } = this.#modules;
    const { corefilePath } = this.#options;
    for (const warning of warnings) log.warning(warning);
    try {
      await writeAtomically(corefilePath, text);
    } catch (error) {
      this.#fault(error);
      return false;
    }
    this.#written = text;
    log.info(`Updated Corefile ${corefilePath}`);
    return true;
  }

  #fault(error: unknown): void {
    this.#modules.counters.configmap++;
    this.#modules.log.error(`making the Corefile: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
