/** From server blocks to listeners: who serves which zone at which address and port. */
import { isIPv6 } from 'node:net';
import { CorefileError } from './corefile-error.ts';
import type { ZoneKey } from './server-key.ts';

/** What a block asks for: its zones, at each of its addresses. */
export interface Placement {
  readonly keys: readonly ZoneKey[];
  /** Addresses of `bind`; empty: the wildcard address. */
  readonly addresses: readonly string[];
}

/** A zone at a listener, and which block serves it. */
export interface ServedZone {
  readonly zone: string;
  /** Position of the block in the Corefile. */
  readonly block: number;
}

/** An address and port to listen on, over UDP and TCP. */
export interface Listener {
  /** '' for the wildcard address. */
  readonly address: string;
  readonly port: number;
  /** The metric label: `dns://169.254.20.10:53`. */
  readonly server: string;
  readonly zones: readonly ServedZone[];
}

/**
 * The listeners of all blocks, in the order in which they are first asked for. Throws CorefileError
 * `duplicate-zone` when two blocks serve the same zone at the same place, `overlap` when one zone is
 * served both at addresses and at the wildcard address of one port.
 */
export function findListeners(placements: readonly Placement[]): Listener[] {
  const listeners = new Map<string, Listener & { zones: ServedZone[] }>();
  const taken = new TakenZones();
  placements.forEach(({ keys, addresses }, block) => {
    for (const key of keys) {
      for (const address of addresses.length === 0 ? [''] : addresses) {
        taken.add(key, address);
        const server = serverLabel(address, key.port);
        const listener = listeners.get(server) ?? { address, port: key.port, server, zones: [] };
        listener.zones.push({ zone: key.zone, block });
        listeners.set(server, listener);
      }
    }
  });
  return [...listeners.values()];
}

/** The metric label of a listener: `dns://169.254.20.10:53`, `dns://[fd00::1]:53`, `dns://:53`. */
export function serverLabel(address: string, port: number): string {
  return `dns://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** Zones that are served already. */
class TakenZones {
  /** BOUNDED by the zones and addresses of the Corefile. */
  readonly #places = new Set<string>();
  /** One place for each zone and port. BOUNDED as #places. */
  readonly #first = new Map<string, string>();

  add({ zone, port, at }: ZoneKey, address: string): void {
    const unbound = placeName(zone, port, '');
    const place = placeName(zone, port, address);
    if (this.#places.has(place)) {
      throw new CorefileError(
        'duplicate-zone',
        `cannot serve ${place} - it is already defined`,
        at,
      );
    }
    const other = address === '' ? this.#first.get(unbound) : unbound;
    if (other !== undefined && this.#places.has(other)) {
      const message = `cannot serve ${place} - zone overlap listener capacity with ${other}`;
      throw new CorefileError('overlap', message, at);
    }
    this.#places.add(place);
    this.#first.set(unbound, this.#first.get(unbound) ?? place);
  }
}

/** A zone's place as the original's messages name it. */
function placeName(zone: string, port: number, address: string): string {
  return `dns://${zone}:${port}${address === '' ? '' : ` on ${address}`}`;
}
