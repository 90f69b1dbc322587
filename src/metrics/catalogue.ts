/**
 * The metrics of the process: who counts registers a source, a scrape reads them all. Counting is
 * adding to a plain field; labels and text exist only during a scrape.
 */
import type { Registry } from 'prom-client';
import { DEFINITIONS, type MetricName } from './definitions.ts';
import type { Histogram } from './histogram.ts';

/** Label values by label name: all labels of the metric's definition. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Gives one sample; a histogram metric takes a Histogram, the others a number. Samples with the
 * same labels are added up, whoever gave them.
 */
export type Emit = (labels: Labels, value: number | Histogram) => void;

/** Reads counters at scrape time. Must not throw. */
export type Source = (emit: Emit) => void;

export class Catalogue {
  /** What prom-client counts itself, nodejs_*; null until it is loaded. */
  registry: Registry | null = null;
  /** BOUNDED by the number of metrics; the sets by what `lasting` and parts register. */
  readonly #sources = new Map<MetricName, Set<Source>>();
  /** BOUNDED by the distinct servers, zones and upstreams configured in this process's life. */
  readonly #lasting = new Map<string, unknown>();

  constructor() {
    for (const name of Object.keys(DEFINITIONS) as MetricName[]) this.#sources.set(name, new Set());
  }

  /** Adds a source to a metric; what it returns takes the source away again. */
  source(name: MetricName, source: Source): () => void {
    const sources = this.#sources.get(name);
    sources?.add(source);
    return () => sources?.delete(source);
  }

  /**
   * Reads all sources of a metric.
   *
   * @returns false when it has none
   */
  read(name: MetricName, emit: Emit): boolean {
    const sources = this.#sources.get(name);
    if (sources === undefined || sources.size === 0) return false;
    for (const source of sources) source(emit);
    return true;
  }

  /** Makes something once per process, so that a reload does not reset its counters. */
  lasting<T>(key: string, make: () => T): T {
    const known = this.#lasting.get(key);
    if (known !== undefined) return known as T;
    const made = make();
    this.#lasting.set(key, made);
    return made;
  }

  /** Ends what `lasting` made under the key. Its sources are for its owner to take away. */
  forget(key: string): void {
    this.#lasting.delete(key);
  }
}
