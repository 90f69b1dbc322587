/**
 * `nxdomain_cut`: what pods ask for because of their search list is answered from what is known of
 * the names above it.
 *
 * RFC 8020 §2: "When an iterative caching DNS resolver receives an NXDOMAIN response, it SHOULD store
 * it in its cache and then all names and resource record sets (RRsets) at or below that node SHOULD
 * be considered unreachable."
 *
 *   www.example.com.default.svc.cluster.local   asked for
 *                   default.svc.cluster.local   there is such a namespace: look below
 *               com.default.svc.cluster.local   NXDOMAIN: so is everything below it
 *
 * A name is looked at from the zone downwards, before it is asked for itself. What is not known of a
 * name above it is asked upstream once, like any other question, and kept in the cache like any
 * other answer: a denial here is never older than one of the same name would be.
 */

import { LRUCache } from 'lru-cache';
import type { AnswerCache } from '../cache/answer-cache.ts';
import { KIND_NAME_ERROR, KIND_SERVER_ERROR } from '../cache/classification.ts';
import type { CacheCounters } from '../cache/counters.ts';
import type { Entry } from '../cache/entry.ts';
import {
  CLASS_IN,
  FLAG_AA,
  FLAG_RD,
  HEADER_LENGTH,
  OPCODE_QUERY,
  writeUint16,
} from '../dns/header.ts';
import { latin1Slice } from '../dns/latin1.ts';
import { nameFromText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { changeAnswer } from '../dns/synthesis.ts';
import type { Clock } from '../log/clock.ts';
import { type CacheFetcher, PLUGIN } from './cache-fetcher.ts';
import { answered, type Done } from './stage.ts';

/** Names above are asked for no deeper than this below the zone: `com.default.svc`. */
const MAX_DEPTH = 3;
/** How long a question waits for one about a name above it. */
const PROBE_WAIT_MS = 500;
/**
 * How long names that exist are passed without a question, and those of which nothing could be
 * learnt. To be wrong here costs a question and never an answer.
 */
const PASS_EXISTING_MS = 600_000;
const PASS_UNCLEAR_MS = 30_000;
const MAX_PASSED = 1024;

/** What follows the name in a key: type A, class IN, neither DO nor CD. */
const PLAIN_TAIL = '\0\x01\0\x01\0';
const TAIL_LENGTH = PLAIN_TAIL.length;
const UNDERSCORE = 0x5f;

/** What the cut works with. */
export interface CutModules {
  readonly cache: AnswerCache;
  readonly fetcher: CacheFetcher;
  readonly clock: Clock;
}

/** A question on its way down the names above it. */
interface Descent {
  readonly query: Query;
  readonly counters: CacheCounters;
  readonly done: Done;
  /** Asks for the name itself. */
  readonly otherwise: () => void;
}

export class NxdomainCut {
  readonly #modules: CutModules;
  /** Wire forms, one character per octet. BOUNDED by the configuration. */
  readonly #zones: ReadonlySet<string>;
  /** Keys of names that are passed over, and until when. BOUNDED by MAX_PASSED. */
  readonly #passed = new LRUCache<string, number>({ max: MAX_PASSED });

  /** `zones` in presentation form. */
  constructor(zones: readonly string[], modules: CutModules) {
    this.#modules = modules;
    this.#zones = new Set(zones.map(wireText));
  }

  /** Answers a miss; or calls `otherwise`, at once or when a name above it is known to exist. */
  resolve(descent: Descent): void {
    const { query } = descent;
    if (isPlain(query)) this.#descend(descent, this.#keysAbove(query.key), 0);
    else descent.otherwise();
  }

  /** Looks at the names above from number `from` on. */
  #descend(descent: Descent, keys: readonly string[], from: number): void {
    const nowMs = this.#modules.clock.nowMs();
    for (let i = from; i < keys.length; i++) {
      const key = keys[i];
      if ((this.#passed.get(key) ?? 0) > nowMs) continue;
      const entry = this.#modules.cache.get(key);
      if (entry === null || nowMs >= entry.expiresAtMs) {
        this.#probe(descent, key, () => this.#descend(descent, keys, i));
        return;
      }
      if (isDenied(entry)) {
        this.#deny(descent, entry, nowMs);
        return;
      }
      this.#pass(key, entry, nowMs);
    }
    descent.otherwise();
  }

  /** Asks for the name of `key`, and goes on when something is known of it. */
  #probe({ query, counters, otherwise }: Descent, key: string, goOn: () => void): void {
    const probe = query.rewritten(plainQuery(key));
    let isWaiting = true;
    const end = (next: () => void) => {
      if (!isWaiting) return;
      isWaiting = false;
      clearTimeout(timer);
      next();
    };
    const timer = setTimeout(end, PROBE_WAIT_MS, otherwise);
    if (probe === null) {
      end(otherwise);
      return;
    }
    counters.cutProbes++;
    const refusal = this.#modules.fetcher.fetch(probe, counters, ({ kept }) => {
      const nowMs = this.#modules.clock.nowMs();
      if (kept === null || kept.entry === null) this.#passed.set(key, nowMs + PASS_UNCLEAR_MS);
      end(goOn);
    });
    if (refusal !== null) end(otherwise);
  }

  #pass(key: string, { kind }: Entry, nowMs: number): void {
    const isUnclear = kind === KIND_SERVER_ERROR;
    this.#passed.set(key, nowMs + (isUnclear ? PASS_UNCLEAR_MS : PASS_EXISTING_MS));
  }

  /** Answers with what is known of a name above: the same denial, for the name asked for. */
  #deny({ query, counters, done, otherwise }: Descent, entry: Entry, nowMs: number): void {
    const above = entry.toAnswer(entry.remainingSeconds(nowMs));
    const name = query.wireName;
    const answer =
      above &&
      changeAnswer(above, (message) => ({
        ...message,
        questions: [{ name, type: query.qtype, class: query.qclass }],
      }));
    if (answer === null) {
      otherwise();
      return;
    }
    counters.requests++;
    counters.denialHits++;
    counters.cutAnswers++;
    if (entry.tally !== null) entry.tally.count++;
    done(answered(answer, PLUGIN, FLAG_AA));
  }

  /**
   * Keys of the names between the zone and the name of `key`, from the zone downwards. No name is
   * looked at from a label with an underscore on: CoreDNS denies `_tcp.web.default.svc…` although
   * `_http._tcp.web.default.svc…` exists, against RFC 8020.
   */
  #keysAbove(key: string): string[] {
    const end = key.length - TAIL_LENGTH;
    const starts: number[] = [];
    let at = 0;
    while (at < end && !this.#zones.has(key.slice(at, end))) {
      starts.push(at);
      at += 1 + key.charCodeAt(at);
    }
    if (at >= end) return [];
    const keys: string[] = [];
    // The first is the name itself.
    for (const start of starts.slice(1).reverse()) {
      if (keys.length === MAX_DEPTH || key.charCodeAt(start + 1) === UNDERSCORE) break;
      keys.push(key.slice(start, end) + PLAIN_TAIL);
    }
    return keys;
  }
}

/** Whether a denial without proofs will do: a signed one is about one name. */
function isPlain({ key, qclass, opcode, recursionDesired }: Query): boolean {
  const flags = key.charCodeAt(key.length - 1);
  return flags === 0 && qclass === CLASS_IN && opcode === OPCODE_QUERY && recursionDesired;
}

/**
 * RFC 8020 §2: "If there is a CNAME chain in the answer, the NXDOMAIN response applies to the last
 * name of it": the name asked for exists then.
 */
function isDenied({ kind, answerCount }: Entry): boolean {
  return kind === KIND_NAME_ERROR && answerCount === 0;
}

/** The query that a key stands for; its ID does not matter. */
function plainQuery(key: string): Buffer {
  const wire = Buffer.alloc(HEADER_LENGTH + key.length - 1);
  writeUint16(wire, 2, FLAG_RD);
  writeUint16(wire, 4, 1);
  wire.write(key.slice(0, -1), HEADER_LENGTH, 'latin1');
  return wire;
}

function wireText(zone: string): string {
  const wire = nameFromText(zone);
  return wire === null ? '' : latin1Slice(wire, 0, wire.length);
}
