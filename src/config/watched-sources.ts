/** Watches all that a configuration was read from, as a set that may change with each reload. */
import type { Source } from './file-source.ts';
import { PathWatch } from './watch.ts';

/** What is done in several steps, by editors and by kubelet, is one change within this time. */
export const DEBOUNCE_MS = 200;

export interface WatchedSourcesOptions {
  readonly pollIntervalMs: number;
}

export class WatchedSources {
  readonly #options: WatchedSourcesOptions;
  readonly #onChange: () => void;
  /** By path. BOUNDED by the files of the Corefile. */
  readonly #watches = new Map<string, PathWatch>();

  /** @param modules `onChange` is called when something in the set has changed; must not throw */
  constructor(options: WatchedSourcesOptions, { onChange }: { readonly onChange: () => void }) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** Watches these and nothing else from now on. */
  replace(sources: readonly Source[]): void {
    const wanted = new Map(sources.map((source) => [source.path, source]));
    for (const [path, watch] of this.#watches) {
      if (wanted.has(path)) continue;
      watch.stop();
      this.#watches.delete(path);
    }
    for (const source of wanted.values()) {
      if (!this.#watches.has(source.path)) this.#add(source);
    }
  }

  stop(): void {
    this.replace([]);
  }

  #add({ path, kind, version }: Source): void {
    const watch = new PathWatch(
      { path, kind, knownVersion: version, debounceMs: DEBOUNCE_MS, ...this.#options },
      { onChange: this.#onChange },
    );
    this.#watches.set(path, watch);
    watch.start();
  }
}
