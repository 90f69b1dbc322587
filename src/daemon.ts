/**
 * Puts the daemon together. Start is a list of steps in the order in which they depend on each
 * other; stop is the same list read backwards.
 */
import type { DaemonFlags } from './cli/flags.ts';
import { STDIN } from './daemon/corefile-text.ts';
import { CorefileWriter } from './daemon/corefile-writer.ts';
import { createInterception } from './daemon/node-side.ts';
import { removePidfile, writePidfile } from './daemon/pidfile.ts';
import { RunningConfiguration } from './daemon/running-configuration.ts';
import { sayWhatIsServed } from './daemon/start-lines.ts';
import type { Interception } from './host/interception.ts';
import { createSetupErrors, type SetupErrors } from './host/setup-errors.ts';
import { monotonicClock } from './log/clock.ts';
import type { Log } from './log/log.ts';
import { showBuildInfo } from './metrics/build-info.ts';
import { Catalogue } from './metrics/catalogue.ts';
import { MetricsServer } from './metrics/metrics-server.ts';
import { showProcess } from './metrics/process-metrics.ts';
import { showSetupErrors } from './metrics/setup-errors.ts';
import { VERSION } from './metrics/version.ts';
import { reloadCounters } from './plugins/reload.ts';
import { ListenerFactory } from './server/listener-factory.ts';

/** Everything that was started, in the order of the start. */
interface Parts {
  readonly metricsServer: MetricsServer | null;
  readonly interception: Interception;
  readonly corefileWriter: CorefileWriter | null;
  readonly configuration: RunningConfiguration;
}

export class Daemon {
  readonly #flags: DaemonFlags;
  readonly #log: Log;
  readonly #parts: Parts;
  #stopping: Promise<void> | null = null;

  constructor(flags: DaemonFlags, { log }: { readonly log: Log }) {
    this.#flags = flags;
    this.#log = log;
    this.#parts = createParts(flags, log);
  }

  /** Serves when it resolves. Rejects with what is wrong, and leaves nothing behind. */
  async start(): Promise<void> {
    const { metricsServer, interception, corefileWriter, configuration } = this.#parts;
    try {
      await metricsServer?.start();
      await interception.prepare();
      await corefileWriter?.start();
      await configuration.start();
      await interception.engage();
      if (this.#flags.pidfilePath !== '') await writePidfile(this.#flags.pidfilePath, this.#log);
      sayWhatIsServed(this.#log, configuration.configuration, this.#flags.quiet);
    } catch (error) {
      await this.#stop();
      throw error;
    }
  }

  /** Makes the Corefile again and reads it; resolves to false when it was refused. */
  async reload(): Promise<boolean> {
    await this.#parts.corefileWriter?.look();
    return this.#parts.configuration.reload();
  }

  /** Ends in order: pods are sent elsewhere first, then what has arrived is answered. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#parts.configuration.beforeShutdown().then(() => this.#stop());
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    const { metricsServer, interception, corefileWriter, configuration } = this.#parts;
    if (this.#flags.pidfilePath !== '') await removePidfile(this.#flags.pidfilePath);
    if (!this.#flags.skipTeardown) await interception.disengage();
    corefileWriter?.stop();
    await configuration.stop();
    await metricsServer?.stop();
  }
}

function createParts(flags: DaemonFlags, log: Log): Parts {
  const catalogue = new Catalogue();
  const counters = createSetupErrors();
  const panics = { count: 0 };
  catalogue.source('coredns_panics_total', (emit) => emit({}, panics.count));
  showBuildInfo(catalogue, { version: VERSION, revision: '' });
  showProcess(catalogue);

  showSetupErrors(catalogue, counters);
  const configuration = new RunningConfiguration(
    {
      path: flags.corefilePath,
      defaultPort: flags.dnsPort,
      ...(flags.setupInterface
        ? { ownInterface: { name: flags.interfaceName, addresses: flags.localAddresses } }
        : {}),
    },
    {
      catalogue,
      log,
      clock: monotonicClock,
      panics,
      listeners: new ListenerFactory({ log, clock: monotonicClock }),
    },
  );
  return {
    metricsServer: createMetricsServer(flags, catalogue, log),
    interception: createInterception(flags, { log, counters, clock: monotonicClock }),
    corefileWriter:
      flags.corefilePath === STDIN
        ? null
        : createCorefileWriter(flags, configuration, { log, counters, catalogue }),
    configuration,
  };
}

function createMetricsServer(
  { metricsAddress }: DaemonFlags,
  catalogue: Catalogue,
  log: Log,
): MetricsServer | null {
  if (metricsAddress === null) return null;
  return new MetricsServer(
    { ...metricsAddress, purpose: '-metrics-listen-address', countScrapes: true },
    { catalogue, log },
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
