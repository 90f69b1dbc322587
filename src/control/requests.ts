/** What the daemon does on request: reads each request with care, and answers with items. */
import { isIP } from 'node:net';
import { ZoneSet } from '../cache/zone-set.ts';
import { nameFromText } from '../dns/name.ts';
import { ControlError } from './control-error.ts';
import { explain } from './explain.ts';
import { nodeState } from './node-state.ts';
import type { ControlRequest, DumpedEntry, Flushed } from './protocol.ts';
import type { ControlSources } from './sources.ts';
import { describeEntry, storedQuestion } from './stored-question.ts';
import type { TrafficWatch } from './traffic-watch.ts';

export interface RequestModules {
  readonly sources: ControlSources;
  readonly watch: TrafficWatch;
}

/** Understands a request line. Throws ControlError. */
export function readRequest(line: string): ControlRequest {
  const words = parseObject(line);
  const text = (key: string): string => {
    const value = words[key];
    if (typeof value === 'string') return value;
    throw new ControlError(`"${key}" is to be a text`);
  };
  const command = text('command');
  switch (command) {
    case 'state':
    case 'top':
    case 'dump':
      return { command };
    case 'flush':
      return { command, zone: text('zone') };
    case 'explain':
      return {
        ...{ command, name: text('name'), type: text('type'), from: text('from') },
        // Commands of versions before do not say.
        skipCache: words.skipCache === true,
      };
    default:
      throw new ControlError(`this version knows no "${command}"`);
  }
}

/** The items of the answer. Throws ControlError for a request that cannot be met. */
export async function* answerRequest(
  { sources, watch }: RequestModules,
  request: ControlRequest,
): AsyncGenerator<unknown> {
  switch (request.command) {
    case 'state':
      yield nodeState(sources);
      return;
    case 'top':
      yield watch.look();
      return;
    case 'dump':
      yield* dump(sources);
      return;
    case 'flush':
      yield flush(request.zone, sources);
      return;
    case 'explain':
      if (isIP(request.from) === 0) throw new ControlError(`"${request.from}" is no IP address`);
      yield await explain(request, sources);
  }
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new ControlError('the request is no JSON', cause);
  }
  throw new ControlError('the request is no JSON object');
}

function* dump({ caches, clock }: ControlSources): Generator<DumpedEntry> {
  const nowMs = clock.nowMs();
  for (const { name: cacheName, cache } of caches()) {
    // Queries are answered meanwhile, which moves entries.
    for (const entry of [...cache.entries()]) {
      const { name, type } = storedQuestion(entry.key);
      const { octets } = entry;
      yield { cache: cacheName, name, type, octets, ...describeEntry(entry, nowMs) };
    }
  }
}

/** Forgets all that lies within a zone; the root is everything. */
function flush(zone: string, { caches }: ControlSources): Flushed {
  if (nameFromText(zone) === null) throw new ControlError(`"${zone}" is no domain name`);
  const zones = new ZoneSet([zone]);
  const forgotten = caches().map(({ cache }) => cache.forget(({ key }) => zones.covers(key)));
  return { entries: forgotten.reduce((sum, count) => sum + count, 0) };
}
