import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { ZoneCounters } from '../../../src/metrics/zone-counters.ts';
import type { Door } from '../../../src/server/door.ts';
import { Handler } from '../../../src/server/handler.ts';
import { type Pipeline, Route } from '../../../src/server/pipeline.ts';
import { ZoneTable } from '../../../src/server/zones.ts';
import { encodeQuery, makeQuery, SERVER, startCache } from '../../helpers/cache-fixture.ts';

const CAPACITY = 4096;

const door: Door = {
  transport: 'udp',
  family: 4,
  currentClient: () => {
    throw new Error('no query of these goes down the chain');
  },
};

/** Remembers the durations it is to count. */
class RecordingCounters extends ZoneCounters {
  readonly durations: { secondsEach: number; count: number }[] = [];

  override countHitDurations(secondsEach: number, count: number): void {
    this.durations.push({ secondsEach, count });
  }
}

/** A handler for some zones, whose cache holds an answer for each name in `names`. */
async function startHandler<T extends ZoneCounters>(
  names: readonly string[],
  zones: readonly string[],
  countersFor: (zone: string) => T,
) {
  const { stage, path, clock, context } = await startCache('cache 3600');
  for (const name of names) stage.resolve(makeQuery({ name }), () => {});
  const pipeline: Pipeline = { chain: stage, hitPath: path, maxEdnsSize: 1232, debug: false };
  const counters = zones.map(countersFor);
  const routes = zones.map((zone, i) => new Route(zone, pipeline, counters[i], SERVER));
  const dropped = new ZoneCounters({ server: SERVER, zone: 'dropped' });
  const modules = { dropped, panics: { count: 0 }, log: context.log, backlog: [] };
  const handler = new Handler({ server: SERVER }, modules);
  handler.zones = new ZoneTable(routes, true);
  const packet = Buffer.alloc(CAPACITY);
  /** Handles a query for each name as one batch that takes 6 ms. Returns the lengths of the replies. */
  const batch = (queries: readonly Buffer[]): number[] => {
    const nowMs = clock.nowMs() + 0.25;
    handler.batchStart({ nowMs });
    const lengths = queries.map((query) => {
      query.copy(packet);
      return handler.handle(packet, 0, query.length, CAPACITY, door);
    });
    handler.batchEnd({ nowMs: nowMs + 6 });
    return lengths;
  };
  return { handler, batch, counters, packet, clock };
}

describe('hits', () => {
  it('share the time of their batch, which begins anew with the next', async () => {
    const names = ['a.one.test', 'b.one.test', 'a.two.test'];
    const { batch, counters } = await startHandler(
      names,
      ['one.test.', 'two.test.'],
      (zone) => new RecordingCounters({ server: SERVER, zone }),
    );
    const [a, b, c] = names.map((name) => encodeQuery({ name }));

    for (const length of batch([a, c, b])) expect(length).toBeGreaterThan(a.length);
    batch([c]);
    batch([]);

    const rounded = counters.map(({ durations }) =>
      durations.map(({ secondsEach, count }) => [Number(secondsEach.toFixed(6)), count]),
    );
    expect(rounded).toEqual([
      [[0.002, 2]],
      [
        [0.002, 1],
        [0.006, 1],
      ],
    ]);
  });

  it('leave next to nothing for V8 to collect, each in a batch of its own', async () => {
    const { handler, packet, clock } = await startHandler(
      ['a.test'],
      ['test.'],
      (zone) => new ZoneCounters({ server: SERVER, zone }),
    );
    const query = encodeQuery({ name: 'a.test' });
    const answer = (count: number) => {
      for (let i = 0; i < count; i++) {
        const at = { nowMs: clock.nowMs() + 0.25 };
        query.copy(packet);
        handler.batchStart(at);
        handler.handle(packet, 0, query.length, CAPACITY, door);
        handler.batchEnd(at);
      }
    };
    answer(50_000);

    // A collection makes one of the differences negative; most are between two of them.
    const perHit = Array.from({ length: 41 }, () => {
      const before = getHeapStatistics().used_heap_size;
      answer(1000);
      return (getHeapStatistics().used_heap_size - before) / 1000;
    }).sort((a, b) => a - b);

    // A few numbers of 16 octets; what it is to find are arrays, closures and strings.
    expect(perHit[20]).toBeGreaterThanOrEqual(0);
    expect(perHit[20]).toBeLessThan(100);
  });
});
