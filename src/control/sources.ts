/** What of the daemon is shown and acted on from outside. */
import type { Listener } from '../config/listeners.ts';
import type { Upstream } from '../forward/upstream.ts';
import type { Clock } from '../log/clock.ts';
import type { Complaint } from '../log/output.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { CachePart } from '../plugins/cache-part.ts';
import type { Configuration } from '../plugins/configuration.ts';
import type { ZoneTable } from '../server/zones.ts';
import type { InterceptionState, Setup } from './protocol.ts';
import type { Observable } from './traffic-watch.ts';

/** A listener at work. */
export interface Endpoint extends Observable {
  readonly served: Listener;
  readonly zones: ZoneTable;
  /** Proper queries so far. */
  readonly received: number;
  /** Queries that wait for an answer. */
  readonly inFlight: number;
}

/** All of it as it is now; functions, because a reload replaces what they return. */
export interface ControlSources {
  readonly setup: Setup;
  readonly corefilePath: string;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly configuration: () => Configuration | null;
  readonly endpoints: () => readonly Endpoint[];
  readonly upstreams: () => readonly Upstream[];
  readonly caches: () => readonly CachePart[];
  readonly interception: () => InterceptionState;
  readonly complaints: () => readonly Complaint[];
}
