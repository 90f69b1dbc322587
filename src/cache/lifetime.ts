/** How long an answer lives (spec §5.3 "TTL"). */
import type { Answer } from '../dns/answer.ts';
import {
  isDenial,
  KIND_NAME_ERROR,
  KIND_NO_DATA,
  KIND_SERVER_ERROR,
  KIND_SUCCESS,
} from './classification.ts';

/** Bounds of a TTL in seconds. The maximum wins over the minimum. */
export interface TtlBounds {
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** Bounds per class of answers. */
export interface LifetimeOptions {
  readonly success: TtlBounds;
  readonly denial: TtlBounds;
  /** Of a server error; 0 to store none. */
  readonly servfailSeconds: number;
}

/** What an answer without TTLs, or one that is no proper answer, is given before it is bounded. */
const DEFAULT_TTL_SECONDS = 5;

/** Whole seconds, the TTL of every record of the answer on its way to the client; 0: not to be stored. */
export function lifetimeSeconds(answer: Answer, kind: number, options: LifetimeOptions): number {
  if (kind === KIND_SERVER_ERROR) return options.servfailSeconds;
  const proper = kind === KIND_SUCCESS || kind === KIND_NAME_ERROR || kind === KIND_NO_DATA;
  // The SOA record's own TTL counts, among all others; its MINIMUM field does not: the upstream, a
  // resolver, has applied RFC 2308 §5 already.
  const ttlSeconds =
    proper && answer.minTtlSeconds >= 0 ? answer.minTtlSeconds : DEFAULT_TTL_SECONDS;
  const bounds = isDenial(kind) ? options.denial : options.success;
  return Math.min(Math.max(ttlSeconds, bounds.minTtlSeconds), bounds.maxTtlSeconds);
}
