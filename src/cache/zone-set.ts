/** Which names lie within a list of zones. */
import { latin1Slice } from '../dns/latin1.ts';
import { nameFromText } from '../dns/name.ts';

/** What follows the name in a key: type, class and one octet of flags. */
const KEY_TAIL_LENGTH = 5;

export class ZoneSet {
  /** The zones and their wire forms, lower case, one character per octet. BOUNDED by the configuration. */
  readonly #zones: readonly { readonly name: string; readonly wire: string }[];

  /** `zones` in presentation form; one that is no name covers nothing. */
  constructor(zones: readonly string[]) {
    this.#zones = zones.flatMap((zone) => {
      const wire = nameFromText(zone.toLowerCase());
      return wire === null ? [] : [{ name: zone, wire: latin1Slice(wire, 0, wire.length) }];
    });
  }

  /** Whether the name in a cache key lies within one of the zones. */
  covers(key: string): boolean {
    for (const { wire } of this.#zones) if (isWithin(key, wire)) return true;
    return false;
  }

  /** The longest of the zones that the name in a cache key lies within, as it was given; or null. */
  find(key: string): string | null {
    let found: { readonly name: string; readonly wire: string } | null = null;
    for (const zone of this.#zones) {
      const isLonger = found === null || zone.wire.length > found.wire.length;
      if (isLonger && isWithin(key, zone.wire)) found = zone;
    }
    return found === null ? null : found.name;
  }
}

function isWithin(key: string, zone: string): boolean {
  const zoneAt = key.length - KEY_TAIL_LENGTH - zone.length;
  return zoneAt >= 0 && key.startsWith(zone, zoneAt) && startsLabel(key, zoneAt);
}

/** Whether a label starts at `wanted`, and not the middle of one that looks like it. */
function startsLabel(key: string, wanted: number): boolean {
  let at = 0;
  while (at < wanted) at += 1 + key.charCodeAt(at);
  return at === wanted;
}
