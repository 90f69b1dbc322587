/** What the server knows of a block: where its queries go, and what it counts for them. */
import type { CacheCounters } from '../cache/counters.ts';
import type { ZoneCounters } from '../metrics/zone-counters.ts';
import type { HitPath, Stage } from '../plugins/stage.ts';

/** A server block, ready to answer. All its zones and listeners share it. */
export interface Pipeline {
  /** The first stage; the others hang behind it. */
  readonly chain: Stage;
  /** The cache, when no stage before it must see what it answers; else null. */
  readonly hitPath: HitPath | null;
  /** The most that is believed of a client's EDNS payload size (`bufsize`). */
  readonly maxEdnsSize: number;
  /** With `debug`, a stage that throws ends the process, as a debugger wants it. */
  readonly debug: boolean;
}

/** One zone of a block at one listener. */
export class Route {
  /** Lower case, with its last dot. */
  readonly zone: string;
  readonly pipeline: Pipeline;
  readonly counters: ZoneCounters;
  readonly hitCounters: CacheCounters | null;
  /** Hits since the batch began, for its share of the durations. */
  hitsInBatch = 0;

  constructor(zone: string, pipeline: Pipeline, counters: ZoneCounters, server: string) {
    this.zone = zone;
    this.pipeline = pipeline;
    this.counters = counters;
    this.hitCounters = pipeline.hitPath === null ? null : pipeline.hitPath.countersFor(server);
  }
}
