/**
 * One cache: successes and denials in a store each, so that a flood of names that do not exist
 * cannot push out those that do.
 *
 * A question has an answer in one of them only. There are three exceptions to "the newest wins": a
 * server error never takes the place of an answer that may still be served, stale ones included,
 * with `preferPositive` no denial does either, and with `guard` neither takes the place of a good
 * answer until that has gone unconfirmed for some time.
 */
import { type Answer, readAnswer } from '../dns/answer.ts';
import { FLAG_RD } from '../dns/header.ts';
import { hashText } from '../dns/key-hash.ts';
import type { Query } from '../dns/query.ts';
import type { QueryView } from '../dns/query-view.ts';
import { KeyTable } from '../tables/key-table.ts';
import type { CacheBudget } from './budget.ts';
import {
  classify,
  holdsType,
  isDenial,
  KIND_NAME_ERROR,
  KIND_SERVER_ERROR,
  mayBeStored,
} from './classification.ts';
import { CacheCounters, type Tally } from './counters.ts';
import { Entry } from './entry.ts';
import { isKey, matchesQuestion, typeOf } from './key.ts';
import { type LifetimeOptions, lifetimeSeconds, type TtlBounds } from './lifetime.ts';
import { Store } from './store.ts';
import { ZoneSet } from './zone-set.ts';

/** One class of answers. */
export interface ClassOptions extends TtlBounds {
  /** CAPACITY as configured. */
  readonly capacity: number;
  /** Names in these zones are not stored (`disable`). */
  readonly disabledZones: readonly string[];
}

/** What a cache keeps, and for how long. */
export interface AnswerCacheOptions extends LifetimeOptions {
  readonly success: ClassOptions;
  readonly denial: ClassOptions;
  /** How long an expired answer may be served; 0: not at all. */
  readonly staleMs: number;
  /** Keeps a good stale answer when the upstream comes to deny it (`serve_stale_policy`). */
  readonly preferPositive: boolean;
  readonly guard: GuardOptions;
}

/** Names whose good answer is not given up because the upstream suddenly has none. */
export interface GuardOptions {
  /** In presentation form; empty: none. */
  readonly zones: readonly string[];
  /** How long after its end a good answer is worth more than a denial or an error. */
  readonly durationMs: number;
}

/** What a cache works with. */
export interface AnswerCacheModules {
  readonly budget: CacheBudget;
  /** Wall-clock seconds, for the validity of signatures. */
  readonly unixSeconds: () => number;
  /** Where uses of a name's denial are counted; null: nowhere. Asked once, when it is stored. */
  readonly tallyFor?: (key: string) => Tally | null;
}

/** What an answer is stored for. */
type Asked = Pick<Query, 'key' | 'keyHash'>;

/** What an answer was found to be. */
interface Found {
  readonly kind: number;
  readonly lifetimeSeconds: number;
  /** It holds a record of the type asked for. */
  readonly answersQuestion: boolean;
}

/** An entry as one instance tells it to the next. */
export interface Inherited {
  readonly key: string;
  /** The answer as it is stored. */
  readonly wire: Buffer;
  /** Until it expires; below 0 when it has. */
  readonly remainingMs: number;
}

/** What became of an answer that was offered. */
export interface Kept extends Found {
  /** The new entry, or null when nothing was stored. */
  readonly entry: Entry | null;
}

export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #modules: AnswerCacheModules;
  /** The entries of both. */
  readonly #table = new KeyTable<Entry>();
  readonly #successes: Store;
  readonly #denials: Store;
  readonly #noSuccesses: ZoneSet;
  readonly #noDenials: ZoneSet;
  readonly #guarded: ZoneSet;
  /** Who stored last: evictions are counted for them. */
  #counters = new CacheCounters();
  /** Whether anything was ever stored: the gauges exist from then on. */
  #used = false;

  constructor(options: AnswerCacheOptions, modules: AnswerCacheModules) {
    const table = this.#table;
    const { budget } = modules;
    const shared = { budget, table, uses: table.makeLinks(), discards: table.makeLinks() };
    this.#options = options;
    this.#modules = modules;
    const keepPopular = options.staleMs > 0;
    const success = { capacity: options.success.capacity, keepPopular };
    const denial = { capacity: options.denial.capacity, keepPopular };
    this.#successes = new Store(success, {
      ...shared,
      onEviction: () => this.#counters.successEvictions++,
    });
    this.#denials = new Store(denial, {
      ...shared,
      onEviction: () => this.#counters.denialEvictions++,
    });
    this.#noSuccesses = new ZoneSet(options.success.disabledZones);
    this.#noDenials = new ZoneSet(options.denial.disabledZones);
    this.#guarded = new ZoneSet(options.guard.zones);
  }

  get successCount(): number {
    return this.#successes.size;
  }

  get denialCount(): number {
    return this.#denials.size;
  }

  get used(): boolean {
    return this.#used;
  }

  /** The entry for a key, fresh or not; using it keeps it from being evicted. */
  get(key: string, hash = hashText(key)): Entry | null {
    return this.#touched(this.#table.find(key, hash));
  }

  /** The same for a query as it lies in the receive buffer. */
  getFor({ key, keyLength, keyHash }: QueryView): Entry | null {
    return this.#touched(this.#table.findOctets(key, keyLength, keyHash));
  }

  /** Whether an expired entry may still be served. */
  servesStale(entry: Entry, nowMs: number): boolean {
    return nowMs < entry.expiresAtMs + this.#options.staleMs;
  }

  /** Whether an entry is fresh, or may have to do. */
  isOfUse(entry: Entry, nowMs: number): boolean {
    return this.servesStale(entry, nowMs) || this.guards(entry, nowMs);
  }

  /** Whether a good answer, expired or not, is worth more than what is none (`guard`). */
  guards(entry: Entry, nowMs: number): boolean {
    const { durationMs } = this.#options.guard;
    if (!entry.answersQuestion || nowMs >= entry.expiresAtMs + durationMs) return false;
    return this.#guarded.covers(entry.key);
  }

  /**
   * Takes in what came for `query`: gives it its lifetime as TTL, drops its OPT record, and stores it
   * if it may be.
   */
  offer(query: Query, answer: Answer, nowMs: number, counters: CacheCounters): Kept {
    const found = this.#look(answer, query.qtype);
    const storable = found.lifetimeSeconds > 0 && mayBeStored(answer, found.kind, query);
    // A signed message is the client's as it is.
    if (!answer.hasTsig) {
      answer.setTtl(found.lifetimeSeconds);
      // RFC 6891 §6.2.1: OPT is about one hop: neither stored nor passed on.
      answer.opt = null;
    }
    this.#counters = counters;
    if (!storable) return keptAs(found, null);
    if (matchesQuestion(answer, query.key)) {
      return keptAs(found, this.#store(query, answer, found, nowMs));
    }
    counters.drops++;
    return keptAs(found, null);
  }

  /** All entries, in each class the one used last first. */
  *entries(): Generator<Entry> {
    yield* this.#successes.entries();
    yield* this.#denials.entries();
  }

  /**
   * Takes in what another instance kept, as if it had come here then: by our own rules, and for no
   * longer than they allow. False when it is not what it should be, or of no use.
   */
  restore({ key, wire, remainingMs }: Inherited, nowMs: number): boolean {
    const answer = readAnswer(wire);
    if (answer === null || !isKey(key) || !matchesQuestion(answer, key)) return false;
    const qtype = typeOf(key);
    const found = this.#look(answer, qtype);
    const lifetimeMs = found.lifetimeSeconds * 1000;
    const ageMs = Math.max(0, lifetimeMs - remainingMs);
    const isOfUse = lifetimeMs > 0 && ageMs < lifetimeMs + this.#options.staleMs;
    if (!isOfUse || !mayBeStored(answer, found.kind, { qtype, flags: FLAG_RD })) return false;
    const question = { key, keyHash: hashText(key) };
    return this.#store(question, answer, found, nowMs, ageMs) !== null;
  }

  /** The entry for a key, as it is: this is no use of it. */
  peek(key: string): Entry | null {
    return this.#table.find(key, hashText(key));
  }

  /** Forgets what `isMeant` says. Returns how many entries that were. */
  forget(isMeant: (entry: Entry) => boolean): number {
    const meant = [...this.entries()].filter(isMeant);
    for (const entry of meant) this.#storeOf(entry).delete(entry);
    return meant.length;
  }

  open(): void {
    this.#successes.open();
    this.#denials.open();
  }

  close(): void {
    this.#successes.close();
    this.#denials.close();
  }

  #touched(entry: Entry | null): Entry | null {
    if (entry !== null) this.#storeOf(entry).touch(entry);
    return entry;
  }

  #storeOf({ isDenial }: Entry): Store {
    return isDenial ? this.#denials : this.#successes;
  }

  #look(answer: Answer, qtype: number): Found {
    const kind = classify(answer, qtype, this.#modules.unixSeconds);
    return {
      kind,
      lifetimeSeconds: lifetimeSeconds(answer, kind, this.#options),
      answersQuestion: !isDenial(kind) && holdsType(answer, qtype),
    };
  }

  /** Stores an answer unless something forbids it or the entry there is worth more. */
  #store(asked: Asked, answer: Answer, found: Found, nowMs: number, ageMs = 0): Entry | null {
    const { key, keyHash } = asked;
    const { kind, lifetimeSeconds, answersQuestion } = found;
    if ((isDenial(kind) ? this.#noDenials : this.#noSuccesses).covers(key)) return null;
    const before = this.#table.find(key, keyHash);
    if (before !== null && this.#isWorthMore(before, found, nowMs)) return null;
    const staleMs = this.#keptMs(key, found);
    const tally = kind === KIND_NAME_ERROR ? (this.#modules.tallyFor?.(key) ?? null) : null;
    const storedAtMs = nowMs - ageMs;
    const options = { kind, lifetimeSeconds, answersQuestion, storedAtMs, staleMs, tally };
    const entry = new Entry(key, answer, options);
    entry.uses = before?.uses ?? 0;
    if (before !== null) this.#storeOf(before).delete(before);
    this.#storeOf(entry).put(entry, nowMs, keyHash);
    this.#used = true;
    return entry;
  }

  /** How long it is of use after it expired. */
  #keptMs(key: string, found: Found): number {
    const { staleMs, guard } = this.#options;
    const isGuarded = found.answersQuestion && this.#guarded.covers(key);
    return isGuarded ? Math.max(staleMs, guard.durationMs) : staleMs;
  }

  #isWorthMore(before: Entry, found: Found, nowMs: number): boolean {
    if (!found.answersQuestion && this.guards(before, nowMs)) return true;
    if (!this.servesStale(before, nowMs)) return false;
    if (found.kind === KIND_SERVER_ERROR) return before.kind !== KIND_SERVER_ERROR;
    return this.#options.preferPositive && before.answersQuestion && !found.answersQuestion;
  }
}

/** Spelled out: spreading an object into another takes V8 several times as long. */
function keptAs({ kind, lifetimeSeconds, answersQuestion }: Found, entry: Entry | null): Kept {
  return { kind, lifetimeSeconds, answersQuestion, entry };
}
