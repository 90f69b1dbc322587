/** Makes all parts of the daemon and joins them. Nothing is started here. */
import { readFileSync } from 'node:fs';
import type { DaemonFlags } from '../cli/flags.ts';
import { pageRoutes } from '../control/page-routes.ts';
import { showUpstreams } from '../control/upstream-metrics.ts';
import { parseResolvConf } from '../forward/resolv-conf.ts';
import { DeadMan } from '../host/dead-man.ts';
import type { Interception } from '../host/interception.ts';
import { showInterception } from '../host/interception-metrics.ts';
import { createNodeEvents } from '../host/node-events.ts';
import { createSetupErrors, type SetupErrors } from '../host/setup-errors.ts';
import { monotonicClock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { Complaint } from '../log/output.ts';
import { showBuildInfo } from '../metrics/build-info.ts';
import { Catalogue } from '../metrics/catalogue.ts';
import { MetricsServer, type MetricsServerModules } from '../metrics/metrics-server.ts';
import { showProcess } from '../metrics/process-metrics.ts';
import { showSetupErrors } from '../metrics/setup-errors.ts';
import { VERSION } from '../metrics/version.ts';
import { hostsClock } from '../plugins/hosts-file.ts';
import { reloadCounters } from '../plugins/reload.ts';
import { lastingSearchWaste } from '../plugins/search-waste.ts';
import { ListenerFactory } from '../server/listener-factory.ts';
import { loadLibc } from '../sockets/libc.ts';
import { type Control, createControl } from './control.ts';
import { STDIN } from './corefile-text.ts';
import { CorefileWriter } from './corefile-writer.ts';
import { HandOver } from './hand-over.ts';
import { handOverCounts } from './hand-over-counts.ts';
import { createInterception } from './node-side.ts';
import { RunningConfiguration } from './running-configuration.ts';

const RESOLV_CONF = '/etc/resolv.conf';
/** How long the event loop may hang during the start: a machine short of processors takes its time. */
const START_HANG_LIMIT_SECONDS = 30;

/** Everything that is started, in the order of the start. */
export interface Parts {
  /** Null where the C library cannot be called: the listeners' warning tells. */
  readonly deadMan: DeadMan | null;
  readonly metricsServer: MetricsServer | null;
  readonly interception: Interception;
  readonly corefileWriter: CorefileWriter | null;
  readonly configuration: RunningConfiguration;
  readonly handOver: HandOver;
  readonly control: Control;
  readonly catalogue: Catalogue;
}

/** Where lines go, and what was complained about lately. */
export interface PartsModules {
  readonly log: Log;
  readonly complaints: () => readonly Complaint[];
}

export function createParts(flags: DaemonFlags, { log, complaints }: PartsModules): Parts {
  const catalogue = new Catalogue();
  const counters = createSetupErrors();
  const panics = { count: 0 };
  catalogue.source('coredns_panics_total', (emit) => emit({}, panics.count));
  showBuildInfo(catalogue, { version: VERSION, revision: '' });
  showProcess(catalogue);
  showSetupErrors(catalogue, counters);
  // Spec §6.2: this one is always there.
  hostsClock(catalogue);
  const configuration = new RunningConfiguration(
    {
      path: flags.corefilePath,
      defaultPort: flags.dnsPort,
      whereabouts: flags,
      ...(flags.setupInterface
        ? { ownInterface: { name: flags.interfaceName, addresses: flags.localAddresses } }
        : {}),
    },
    {
      catalogue,
      log,
      clock: monotonicClock,
      panics,
      listeners: new ListenerFactory(flags, { log, clock: monotonicClock }),
    },
  );
  const caches = () => configuration.caches;
  const events = createNodeEvents();
  const interception = createInterception(flags, {
    ...{ log, counters, events, clock: monotonicClock },
  });
  showInterception(
    catalogue,
    { ...flags, localIps: flags.localAddresses, setupIptables: flags.setupRules },
    { report: () => interception.report, events },
  );
  showUpstreams(catalogue, () => configuration.upstreams);
  watchNodeSearches(catalogue);
  const control = createControl(flags, {
    ...{ configuration, interception, catalogue, log, complaints },
  });
  const routes = pageRoutes(control.sources, control.watch);
  return {
    deadMan:
      loadLibc().libc === null ? null : new DeadMan({ limitSeconds: START_HANG_LIMIT_SECONDS }),
    metricsServer: createMetricsServer(flags, { catalogue, log, routes }),
    interception,
    corefileWriter:
      flags.corefilePath === STDIN
        ? null
        : createCorefileWriter(flags, configuration, { log, counters, catalogue }),
    configuration,
    handOver: new HandOver(flags, {
      ...{ caches, clock: monotonicClock, log },
      counts: handOverCounts(catalogue),
    }),
    control,
    catalogue,
  };
}

/** Pods with `dnsPolicy: Default`, and the cluster's search lists behind their own, use the node's. */
function watchNodeSearches(catalogue: Catalogue): void {
  try {
    const { search } = parseResolvConf(readFileSync(RESOLV_CONF, 'utf8'));
    for (const domain of search) lastingSearchWaste(catalogue).add(domain);
  } catch {
    // A node without one has no search list.
  }
}

function createMetricsServer(
  { metricsAddress }: DaemonFlags,
  modules: MetricsServerModules,
): MetricsServer | null {
  if (metricsAddress === null) return null;
  return new MetricsServer(
    { ...metricsAddress, purpose: '-metrics-listen-address', countScrapes: true },
    modules,
  );
}

function createCorefileWriter(
  flags: DaemonFlags,
  configuration: RunningConfiguration,
  modules: {
    readonly log: Log;
    readonly counters: SetupErrors;
    readonly catalogue: Catalogue;
  },
): CorefileWriter {
  const { templatePath, corefilePath, kubeDnsFolder, kubeDnsFolderGiven, dnsPort } = flags;
  const { localAddresses, upstreamAddress, upstreamVariable, prometheusAddress } = flags;
  return new CorefileWriter(
    {
      ...{ templatePath, corefilePath, kubeDnsFolder, kubeDnsFolderGiven, dnsPort },
      values: { localAddresses, upstreamAddress, upstreamVariable, prometheusAddress },
    },
    {
      ...modules,
      check: (text) => configuration.check(text),
      onWritten: () => void configuration.reload(),
      onRefused: () => {
        reloadCounters(modules.catalogue).failed++;
      },
    },
  );
}
