/** How upstreams are doing, as metrics. What they cost is counted where it happens (src/forward). */
import type { Upstream } from '../forward/upstream.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { upstreamStates } from './node-state.ts';

/** Shows the upstreams of the configuration in force. */
export function showUpstreams(catalogue: Catalogue, upstreams: () => readonly Upstream[]): void {
  catalogue.source('nodelocaldns_upstream_up', (emit) => {
    for (const { to, health } of upstreamStates(upstreams())) {
      emit({ to }, health === 'down' || health === 'looping' ? 0 : 1);
    }
  });
  catalogue.source('nodelocaldns_upstream_round_trip_seconds', (emit) => {
    for (const { to, roundTripMs } of upstreamStates(upstreams())) {
      if (roundTripMs !== null) emit({ to }, roundTripMs / 1000);
    }
  });
}
