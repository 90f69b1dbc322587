/**
 * `prometheus [ADDRESS]`: counts the block's queries and shows all metrics at
 * http://ADDRESS/metrics, `localhost:9153` unless said otherwise (spec §5.11). Blocks with the same
 * address share one page.
 */
import { type ListenAddress, readListenAddress } from '../config/listen-address.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import type { Catalogue, Labels } from '../metrics/catalogue.ts';
import { MetricsServer } from '../metrics/metrics-server.ts';
import type { BlockContext, Directive, Part } from './directive.ts';

export interface PrometheusOptions {
  readonly address: ListenAddress;
}

const DEFAULT_ADDRESS: ListenAddress = { host: 'localhost', port: 9153, text: 'localhost:9153' };

export const prometheus: Directive<PrometheusOptions> = {
  name: 'prometheus',
  repeatable: false,

  parse([use]) {
    checkCount(use.name, use.args, { min: 0, max: 1 });
    if (use.lines.length > 0) throw unknownOption('prometheus', use.lines[0].words[0]);
    const address = use.args.length === 0 ? DEFAULT_ADDRESS : readListenAddress(use.args[0]);
    return Object.freeze({ address });
  },

  configure(_, settings) {
    settings.countRequests = true;
  },

  service({ address }, context) {
    const { parts, catalogue } = context;
    const { host, port, text } = address;
    const log = context.log.forPlugin('prometheus');
    parts.take(
      `prometheus ${text}`,
      () =>
        new MetricsServer(
          { purpose: 'prometheus', host, port, countScrapes: false },
          { catalogue, log },
        ),
    );
    showHandlers(context);
  },
};

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
