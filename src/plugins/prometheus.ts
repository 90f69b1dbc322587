/**
 * `prometheus [ADDRESS] { tls FILE }`: counts the block's queries and shows all metrics at
 * http://ADDRESS/metrics, `localhost:9153` unless said otherwise (spec §5.11), or with `tls` at
 * https://ADDRESS/metrics. Blocks with the same address share one page.
 */
import { createHash } from 'node:crypto';
import { type ListenAddress, readListenAddress } from '../config/listen-address.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import type { Catalogue, Labels } from '../metrics/catalogue.ts';
import { MetricsServer } from '../metrics/metrics-server.ts';
import type { BlockContext, Directive, Part } from './directive.ts';
import { followFile } from './follow-file.ts';
import { readWebConfig, type WebConfig } from './prometheus-tls.ts';

export interface PrometheusOptions {
  readonly address: ListenAddress;
  /** Null: plain HTTP. */
  readonly webConfig: WebConfig | null;
}

const DEFAULT_ADDRESS: ListenAddress = { host: 'localhost', port: 9153, text: 'localhost:9153' };

export const prometheus: Directive<PrometheusOptions> = {
  name: 'prometheus',
  repeatable: false,

  parse([use]) {
    checkCount(use.name, use.args, { min: 0, max: 1 });
    const address = use.args.length === 0 ? DEFAULT_ADDRESS : readListenAddress(use.args[0]);
    let webConfig: WebConfig | null = null;
    for (const { words } of use.lines) {
      const [option, ...values] = words;
      if (option.text !== 'tls') throw unknownOption('prometheus', option);
      checkCount(option, values, { min: 1, max: 1 });
      webConfig = readWebConfig(values[0]);
    }
    return Object.freeze({ address, webConfig });
  },

  configure(_, settings) {
    settings.countRequests = true;
  },

  service({ address, webConfig }, context) {
    const { parts, catalogue } = context;
    const { host, port, text } = address;
    const log = context.log.forPlugin('prometheus');
    for (const { path, version } of webConfig?.sources ?? []) followFile(path, context, version);
    const tls = webConfig?.tls ?? null;
    parts.take(
      `prometheus ${text} ${tls === null ? '' : digest(tls)}`,
      () =>
        new MetricsServer(
          { purpose: 'prometheus', host, port, countScrapes: false, tls },
          { catalogue, log },
        ),
    );
    showHandlers(context);
  },
};

/** Equal for files with equal contents. A hash, as a private key is among them. */
function digest(tls: WebConfig['tls']): string {
  return createHash('sha256').update(JSON.stringify(tls)).digest('hex');
}

/**
 * coredns_plugin_enabled: 1 for each directive that sees the queries of a zone. Every series is a
 * part of its own, so that a reload neither doubles nor loses one.
 */
function showHandlers({ parts, catalogue, servers, zones, handlerNames = [] }: BlockContext): void {
  for (const server of servers) {
    for (const zone of zones) {
      for (const name of handlerNames) {
        const labels = { server, zone, view: '', name };
        parts.take(`plugin-enabled ${server} ${zone} ${name}`, () =>
          enabledSeries(catalogue, labels),
        );
      }
    }
  }
}

function enabledSeries(catalogue: Catalogue, labels: Labels): Part {
  let remove = () => {};
  return {
    async start() {
      remove = catalogue.source('coredns_plugin_enabled', (emit) => emit(labels, 1));
    },
    async stop() {
      remove();
    },
  };
}
