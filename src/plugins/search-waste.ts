/**
 * Which suffixes of search lists waste queries. With `ndots:5` a pod that wants `example.com` asks for
 * `example.com.default.svc.cluster.local` first, and so on through its list: here denials of names that
 * end so are counted by suffix. Cached denials know their tally, so a hit costs an addition.
 */
import type { Tally } from '../cache/counters.ts';
import { latin1Slice } from '../dns/latin1.ts';
import { nameFromText } from '../dns/name.ts';
import type { Catalogue } from '../metrics/catalogue.ts';

/** More have no tally: each is a series. */
const MAX_SUFFIXES = 32;

/** Octets of type, class and flags, which follow the name in a key. */
const TAIL_LENGTH = 5;

/** A suffix and how many denials ended in it. */
interface Suffix extends Tally {
  readonly name: string;
  /** Wire form, one character per octet. */
  readonly wire: string;
}

export class SearchWaste {
  /** The longest first. BOUNDED by MAX_SUFFIXES. */
  readonly #suffixes: Suffix[] = [];

  /** Counts what ends in `name` (presentation form) from now on; the root, and what is no name, never. */
  add(name: string): void {
    const octets = nameFromText(name.toLowerCase());
    if (octets === null || octets.length < 2 || this.#suffixes.length >= MAX_SUFFIXES) return;
    const wire = latin1Slice(octets, 0, octets.length);
    if (this.#suffixes.some((known) => known.wire === wire)) return;
    const text = name.toLowerCase().replace(/\.?$/, '.');
    this.#suffixes.push({ name: text, wire, count: 0 });
    this.#suffixes.sort((a, b) => b.wire.length - a.wire.length);
  }

  /** A zone of the cluster, below which services are: `cluster.local.`. Reverse zones are none. */
  addZone(zone: string): void {
    if (zone === '.' || zone.endsWith('.arpa.')) return;
    this.add(`svc.${zone}`);
    this.add(zone);
  }

  /** Where the denial of a cache key's name is counted; null: its name has none of the suffixes. */
  tallyFor(key: string): Tally | null {
    const end = key.length - TAIL_LENGTH;
    for (const suffix of this.#suffixes) {
      const at = end - suffix.wire.length;
      if (at > 0 && key.startsWith(suffix.wire, at)) return suffix;
    }
    return null;
  }

  /** Calls back for each suffix that something ended in. */
  each(visit: (name: string, count: number) => void): void {
    for (const { name, count } of this.#suffixes) if (count > 0) visit(name, count);
  }
}

/** The tallies of the process. */
export function lastingSearchWaste(catalogue: Catalogue): SearchWaste {
  return catalogue.lasting('search waste', () => {
    const waste = new SearchWaste();
    catalogue.source('nodelocaldns_wasted_searches_total', (emit) => {
      waste.each((suffix, count) => emit({ suffix }, count));
    });
    return waste;
  });
}
