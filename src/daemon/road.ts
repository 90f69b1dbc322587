/** From a configuration to running code: chains of stages, and for each listener its table of zones. */
import type { Listener } from '../config/listeners.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import { ZoneCounters, zoneCounters } from '../metrics/zone-counters.ts';
import type { BlockConfiguration, Configuration } from '../plugins/configuration.ts';
import type { BlockContext, Parts } from '../plugins/directive.ts';
import { failed, type HitPath, type Stage } from '../plugins/stage.ts';
import { type Pipeline, Route } from '../server/pipeline.ts';
import type { TcpLimits } from '../server/tcp-connection.ts';
import { ZoneTable } from '../server/zones.ts';
import { OwnLookup } from './own-lookup.ts';

/** What blocks are built with, beside what they say themselves. */
export type RoadModules = Pick<BlockContext, 'catalogue' | 'log' | 'clock' | 'daemon'>;

/** Directives that CoreDNS counts as handlers although they need no stage of their own here. */
const HANDLERS_WITHOUT_STAGE: ReadonlySet<string> = new Set(['prometheus', 'bufsize']);

/** What a listener answers for, and how patient it is. */
export interface ServedTable {
  readonly zones: ZoneTable;
  readonly limits: TcpLimits;
}

/** The table of each listener, in the order of `configuration.listeners`. */
export function buildRoad(
  configuration: Configuration,
  parts: Parts,
  modules: RoadModules,
): ServedTable[] {
  const ownLookup = new OwnLookup(modules);
  const pipelines = configuration.blocks.map((block) =>
    buildPipeline(block, listenersOf(block, configuration.listeners), parts, {
      ...modules,
      lookUp: (query, name, type, done) => ownLookup.ask(query, name, type, done),
    }),
  );
  return configuration.listeners.map((listener) => {
    const zones = buildTable(listener, configuration.blocks, pipelines, modules);
    ownLookup.serve(listener.server, zones);
    return { zones, limits: limitsOf(configuration.blocks[listener.zones[0].block]) };
  });
}

function listenersOf(block: BlockConfiguration, listeners: readonly Listener[]): Listener[] {
  return listeners.filter(({ zones }) => zones.some((served) => served.block === block.index));
}

/** Builds the stages from the last to the first, then the services, in the order of the chain. */
function buildPipeline(
  block: BlockConfiguration,
  listeners: readonly Listener[],
  parts: Parts,
  modules: RoadModules & Pick<BlockContext, 'lookUp'>,
): Pipeline {
  const offer: { hitPath: HitPath | null; declined: boolean } = { hitPath: null, declined: false };
  const context: BlockContext = {
    ...modules,
    zones: block.zones,
    index: block.index,
    port: block.port,
    servers: listeners.map(({ server }) => server),
    listeners,
    handlerNames: handlerNames(block),
    parts,
    offerHitPath: (path) => {
      offer.hitPath = path;
    },
    declineHitPath: () => {
      offer.declined = true;
    },
  };
  let chain: Stage = theEnd;
  for (const { directive, options } of [...block.directives].reverse()) {
    chain = directive.stage?.(options, context, chain) ?? chain;
  }
  for (const { directive, options } of block.directives) directive.service?.(options, context);
  const { maxEdnsSize, debug } = block.settings;
  return { chain, hitPath: offer.declined ? null : offer.hitPath, maxEdnsSize, debug };
}

function buildTable(
  listener: Listener,
  blocks: readonly BlockConfiguration[],
  pipelines: readonly Pipeline[],
  { catalogue }: RoadModules,
): ZoneTable {
  const { server } = listener;
  const routes = listener.zones.map(({ zone, block }) => {
    const labels = { server, zone };
    const counters =
      blocks[block].settings.countRequests === true
        ? zoneCounters(catalogue, labels)
        : new ZoneCounters(labels);
    return new Route(zone, pipelines[block], counters, server);
  });
  // Spec §5.2: another class than IN is refused unless some block on that address forwards, or
  // answers questions of class CH itself.
  const anyClass = listener.zones.some(
    ({ block }) => uses(blocks[block], 'forward') || uses(blocks[block], 'chaos'),
  );
  return new ZoneTable(routes, anyClass);
}

/** Blocks of one listener share its sockets: the first of them says how long these wait. */
function limitsOf({ settings }: BlockConfiguration): TcpLimits {
  const { readTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxTcpQueries } = settings;
  return { readTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxQueries: maxTcpQueries };
}

function handlerNames(block: BlockConfiguration): string[] {
  return block.directives
    .map(({ directive }) => directive)
    .filter(
      (directive) => directive.stage !== undefined || HANDLERS_WITHOUT_STAGE.has(directive.name),
    )
    .map((directive) => directive.name);
}

function uses(block: BlockConfiguration, name: string): boolean {
  return block.directives.some(({ directive }) => directive.name === name);
}

/** Behind the last stage there is nobody to ask. */
const theEnd: Stage = {
  resolve: (_query, done) => done(failed(RCODE_SERVFAIL, 'no next plugin found')),
};
