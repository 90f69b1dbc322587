/** Asks our own server a question as a pod would, and writes down how the answer came about. */
import { isIPv6 } from 'node:net';
import type { Answer } from '../dns/answer.ts';
import { RCODE_REFUSED, RCODE_SERVFAIL } from '../dns/header.ts';
import { decodeMessage } from '../dns/message.ts';
import { type Client, Query, type QueryTrace, type UpstreamStep } from '../dns/query.ts';
import { QueryView, READ_OK } from '../dns/query-view.ts';
import { rcodeName } from '../dns/rcode.ts';
import { recordToText } from '../dns/record-text.ts';
import { typeName, typeNumber } from '../dns/type.ts';
import { buildQuestion } from '../forward/prober.ts';
import { failed, type Outcome } from '../plugins/stage.ts';
import type { Route } from '../server/pipeline.ts';
import { ControlError } from './control-error.ts';
import type { BlockState, CachedAnswer, ExplainedStep, Explanation } from './protocol.ts';
import type { ControlSources, Endpoint } from './sources.ts';
import { describeEntry, variantsOf } from './stored-question.ts';

/** Longer than a client waits. */
const DEADLINE_MS = 8000;

/** A question as it was put on the command line. */
export interface ExplainOptions {
  readonly name: string;
  /** `AAAA`, `TYPE65`. */
  readonly type: string;
  /** The address of the client that is played: `acl` may treat it as it likes. */
  readonly from: string;
  /** Asks the upstreams whatever is cached, and leaves the cache as it is. */
  readonly skipCache: boolean;
}

/** Resolves when there is an answer or none in time. Rejects with ControlError for no proper question. */
export async function explain(
  options: ExplainOptions,
  sources: ControlSources,
): Promise<Explanation> {
  const type = typeNumber(options.type.toUpperCase());
  if (type === undefined) throw new ControlError(`"${options.type}" is no record type`);
  const view = new QueryView();
  const message = buildQuestion(options.name, type, true);
  if (message === null || view.read(message, 0, message.length) !== READ_OK) {
    throw new ControlError(`"${options.name}" is no domain name`);
  }
  const place = findPlace(sources.endpoints(), view);
  if (place === null) throw new ControlError('nothing is served yet');
  const { endpoint, route } = place;
  const { served } = endpoint;
  const journey = new Journey(options.skipCache);
  const query = new Query(view, message, 0, {
    client: playedClient(options.from, served),
    zone: route?.zone ?? '',
    server: served.server,
    nowMs: sources.clock.nowMs(),
    trace: journey,
  });
  const cached = findCached(query, sources);
  const startMs = performance.now();
  const { outcome, records } = await resolve(route, query);
  return {
    name: query.name,
    type: typeName(type),
    listener: `${served.address || '*'}:${served.port}`,
    block: route === null ? null : describeBlock(endpoint, route.zone, sources),
    cached,
    skippedCache: options.skipCache,
    steps: journey.steps,
    askedInstead: journey.questionsOtherThan(questionText(query)),
    rcode: rcodeName(outcome.rcode),
    answeredBy: outcome.plugin,
    error: outcome.error,
    tookMs: performance.now() - startMs,
    records,
  };
}

/** What upstreams did for one query and for those that it gave rise to. */
class Journey implements QueryTrace {
  readonly skipsCache: boolean;
  /** BOUNDED by the attempts of one query. */
  readonly steps: ExplainedStep[] = [];

  constructor(skipsCache: boolean) {
    this.skipsCache = skipsCache;
  }

  upstream({ query, to, protocol, tookMs, rcode, error }: UpstreamStep): void {
    const question = questionText(query);
    this.steps.push({
      ...{ question, to, protocol, tookMs, error },
      rcode: rcode === null ? '' : rcodeName(rcode),
    });
  }

  questionsOtherThan(asked: string): string[] {
    const questions = new Set(this.steps.map(({ question }) => question));
    questions.delete(asked);
    return [...questions];
  }
}

function questionText(query: Query): string {
  return `${query.name} ${typeName(query.qtype)}`;
}

/** The first listener that serves the name; the first of all when none does. */
function findPlace(
  endpoints: readonly Endpoint[],
  view: QueryView,
): { endpoint: Endpoint; route: Route | null } | null {
  for (const endpoint of endpoints) {
    const route = endpoint.zones.find(view);
    if (route !== null) return { endpoint, route };
  }
  return endpoints.length === 0 ? null : { endpoint: endpoints[0], route: null };
}

/** An outcome, and the records of its answer as text. */
interface Resolved {
  readonly outcome: Outcome;
  readonly records: readonly string[];
}

function resolve(route: Route | null, query: Query): Promise<Resolved> {
  return new Promise((settle) => {
    const finish = (outcome: Outcome) => {
      clearTimeout(timer);
      // The answer's octets are ours only until this call is over.
      settle({ outcome, records: outcome.answer === null ? [] : recordTexts(outcome.answer) });
    };
    const timer = setTimeout(() => {
      finish(failed(RCODE_SERVFAIL, `no answer in ${DEADLINE_MS / 1000} s`));
    }, DEADLINE_MS);
    if (route === null) finish(failed(RCODE_REFUSED, 'no block serves the name'));
    else route.pipeline.chain.resolve(query, finish);
  });
}

function describeBlock(endpoint: Endpoint, zone: string, sources: ControlSources): BlockState {
  const configuration = sources.configuration();
  const index = endpoint.served.zones.find((served) => served.zone === zone)?.block ?? -1;
  const key = configuration?.parsed.blocks[index]?.keys[0];
  const directives = configuration?.blocks[index]?.directives ?? [];
  return {
    zone,
    place: key === undefined ? '' : `${key.file}:${key.line}`,
    directives: directives.map(({ directive }) => directive.name),
  };
}

function findCached(query: Query, { caches, clock }: ControlSources): CachedAnswer[] {
  const nowMs = clock.nowMs();
  const found = caches().flatMap(({ cache }) =>
    variantsOf(query.key).map((key) => cache.peek(key)),
  );
  return found.filter((entry) => entry !== null).map((entry) => describeEntry(entry, nowMs));
}

function recordTexts({ wire }: Answer): string[] {
  const { answers = [], authorities = [] } = decodeMessage(wire) ?? {};
  return (answers.length > 0 ? answers : authorities).map(recordToText);
}

function playedClient(
  address: string,
  { address: localAddress, port }: Endpoint['served'],
): Client {
  return {
    transport: 'udp',
    family: isIPv6(address) ? 6 : 4,
    address,
    port: 0,
    localAddress: localAddress || '127.0.0.1',
    localPort: port,
    send: () => {},
  };
}
