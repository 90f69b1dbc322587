/** What is shown of the daemon and can be asked of it: joins src/control with the parts. */
import type { DaemonFlags } from '../cli/flags.ts';
import { ControlServer } from '../control/control-server.ts';
import { answerRequest } from '../control/requests.ts';
import type { ControlSources } from '../control/sources.ts';
import { TrafficWatch } from '../control/traffic-watch.ts';
import type { Interception } from '../host/interception.ts';
import { monotonicClock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { Complaint } from '../log/output.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { RunningConfiguration } from './running-configuration.ts';

export interface ControlModules {
  readonly configuration: RunningConfiguration;
  readonly interception: Interception;
  readonly catalogue: Catalogue;
  readonly log: Log;
  readonly complaints: () => readonly Complaint[];
}

export interface Control {
  readonly sources: ControlSources;
  readonly watch: TrafficWatch;
  readonly server: ControlServer;
}

export function createControl(flags: DaemonFlags, modules: ControlModules): Control {
  const { configuration, interception, catalogue, log, complaints } = modules;
  const { localAddresses, dnsPort, healthPort, setupInterface, interfaceName } = flags;
  const { setupRules, rulesBackend, leaseMs, corefilePath } = flags;
  const sources: ControlSources = {
    setup: {
      ...{ localAddresses, dnsPort, healthPort, setupInterface, interfaceName },
      ...{ setupRules, rulesBackend, leaseMs },
    },
    corefilePath,
    catalogue,
    clock: monotonicClock,
    configuration: () => configuration.configuration,
    endpoints: () => configuration.endpoints,
    upstreams: () => configuration.upstreams,
    caches: () => configuration.caches,
    interception: () => interception.report,
    complaints,
  };
  const watch = new TrafficWatch({ endpoints: sources.endpoints, clock: monotonicClock });
  const answer = answerRequest.bind(null, { sources, watch });
  return { sources, watch, server: new ControlServer({ answer, log }) };
}
