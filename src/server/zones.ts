/**
 * Finds the block that serves a name: the longest zone at or above it (spec §5.2).
 *
 * The name is hashed from its last octet to its first, and at each label the zones with that hash
 * are compared octet by octet. So the cost depends on the length of the zones, not on how many
 * there are: a thousand stub domains cost a query what one does.
 */
import { latin1Slice } from '../dns/latin1.ts';
import { nameFromText } from '../dns/name.ts';
import type { QueryView } from '../dns/query-view.ts';
import { TYPE_DS } from '../dns/type.ts';
import type { Route } from './pipeline.ts';

/** A zone in wire form and its route; zones with the same hash form a list. */
interface Bucket {
  /** A character per octet. */
  readonly wire: string;
  readonly route: Route;
  readonly next: Bucket | null;
}

export class ZoneTable {
  /** Whether queries of another class than IN may be asked here: some block forwards. */
  readonly anyClass: boolean;
  /** BOUNDED by the zones of the Corefile. */
  readonly #buckets = new Map<number, Bucket>();
  #root: Route | null = null;
  #longestZone = 0;

  /** `routes` have distinct zones; a name that is not valid is never matched. */
  constructor(routes: readonly Route[], anyClass: boolean) {
    this.anyClass = anyClass;
    for (const route of routes) this.#add(route);
  }

  /** The route for the name in `view`, or null when no zone is above it. */
  find(view: QueryView): Route | null {
    const { key, nameLength, labelOffsets } = view;
    let found = this.#root;
    let hash = 0;
    let at = nameLength - 1;
    for (let label = view.labelCount - 1; label >= 0; label--) {
      const offset = labelOffsets[label];
      if (nameLength - offset > this.#longestZone) return found;
      while (at > offset) hash = step(hash, key[--at]);
      const bucket = this.#buckets.get(hash);
      if (bucket === undefined) continue;
      const route = matching(bucket, key, offset, nameLength);
      if (route === null) continue;
      // RFC 3658 §2.2.1.1: a DS record belongs to the parent, so its zone answers if we serve it.
      if (offset === 0 && view.qtype === TYPE_DS && found !== null) return found;
      found = route;
    }
    return found;
  }

  #add(route: Route): void {
    const wire = nameFromText(route.zone);
    if (wire === null) return;
    if (wire.length === 1) {
      this.#root = route;
      return;
    }
    let hash = 0;
    for (let at = wire.length - 2; at >= 0; at--) hash = step(hash, wire[at]);
    const next = this.#buckets.get(hash) ?? null;
    this.#buckets.set(hash, { wire: latin1Slice(wire, 0, wire.length), route, next });
    this.#longestZone = Math.max(this.#longestZone, wire.length);
  }
}

/** One step of a multiplicative hash kept within 31 bits, so that it stays a small integer. */
function step(hash: number, octet: number): number {
  return (Math.imul(hash, 31) + octet + 1) & 0x3fffffff;
}

/** The zone of `bucket` that equals `key[from..to)`. */
function matching(first: Bucket, key: Buffer, from: number, to: number): Route | null {
  for (let bucket: Bucket | null = first; bucket !== null; bucket = bucket.next) {
    const { wire } = bucket;
    if (wire.length !== to - from) continue;
    let i = 0;
    while (i < wire.length && wire.charCodeAt(i) === key[from + i]) i++;
    if (i === wire.length) return bucket.route;
  }
  return null;
}
