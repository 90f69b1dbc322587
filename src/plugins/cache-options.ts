/** The syntax of `cache` (spec §5.3): what each option takes, its default and its bounds. */
import type { AnswerCacheOptions, ClassOptions } from '../cache/answer-cache.ts';
import { DEFAULT_CAPACITY } from '../cache/store.ts';
import { CorefileError } from '../config/corefile-error.ts';
import type { DirectiveUse, OptionLine, Token } from '../config/token.ts';
import { checkCount, readDurationMs, readInteger, unknownOption } from '../config/values.ts';
import type { BlockFacts } from './directive.ts';
import { EVERYWHERE, readZones } from './zone-scope.ts';

/** A `cache` directive, complete. */
export interface CacheOptions extends AnswerCacheOptions {
  /** Only names in these zones are cached: lower case, last dot. */
  readonly zones: readonly string[];
  /** Whether `zones` leaves out a part of the block's. */
  readonly isPartial: boolean;
  readonly prefetch: PrefetchOptions;
  readonly stale: StaleOptions;
  /** Names below a denied one are denied without a question in these zones; never the root. */
  readonly cutZones: readonly string[];
  /** Answers show the TTL they were stored with, not what is left of it. */
  readonly keepTtl: boolean;
}

/** Which entries are fetched anew before they expire. */
export interface PrefetchOptions {
  /** Hits that make a name popular; 0: nothing is prefetched. */
  readonly amount: number;
  /** The longest pause between two of them. */
  readonly durationMs: number;
  /** How much of its lifetime an entry has left then. */
  readonly percent: number;
}

/** How expired entries are served, where they are. */
export interface StaleOptions {
  /** Ask the upstream first; otherwise answer first. */
  readonly verify: boolean;
  /** How long to wait for the upstream; 0: until it answers or fails. */
  readonly verifyTimeoutMs: number;
  /** What stale records show (RFC 8767 §4 would have 30; clients of the original expect 0). */
  readonly ttlSeconds: number;
  /** How long after a failure nobody asks again (RFC 8767 §5, "failure recheck timer"). */
  readonly recheckMs: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
/** Options while their lines are read. */
interface Draft extends Mutable<Omit<CacheOptions, 'success' | 'denial'>> {
  readonly success: Mutable<ClassOptions>;
  readonly denial: Mutable<ClassOptions>;
}

const ANY = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
const AT_LEAST_0 = { min: 0, max: Number.POSITIVE_INFINITY };
const TTL_SECONDS = { min: 1, max: 0x7fff_ffff, success: 3600, denial: 1800, lowest: 5 };
const PREFETCH = { durationMs: 60_000, percent: { default: 10, min: 10, max: 90 } };
const SERVFAIL_MS = { default: 5000, min: 0, max: 300_000 };
const GUARD_MS = { min: 1000, max: 3_600_000 };
const STALE = {
  durationMs: 3_600_000,
  ttlMs: { min: 0, max: 3_600_000 },
  recheckMs: { default: 1000, min: 0, max: 300_000 },
};

/** Reads the one use in a block. Throws CorefileError. */
export function readCacheOptions({ args, lines }: DirectiveUse, facts: BlockFacts): CacheOptions {
  const draft = defaults(facts);
  readArguments(args, draft);
  for (const line of lines) readLine(line, draft);
  Object.freeze(draft.success);
  Object.freeze(draft.denial);
  return Object.freeze(draft);
}

function defaults(facts: BlockFacts): Draft {
  const ofClass = (maxTtlSeconds: number) => ({
    capacity: DEFAULT_CAPACITY,
    maxTtlSeconds,
    minTtlSeconds: TTL_SECONDS.lowest,
    disabledZones: [],
  });
  return {
    zones: facts.zones,
    isPartial: false,
    success: ofClass(TTL_SECONDS.success),
    denial: ofClass(TTL_SECONDS.denial),
    servfailSeconds: SERVFAIL_MS.default / 1000,
    prefetch: { amount: 0, durationMs: PREFETCH.durationMs, percent: PREFETCH.percent.default },
    staleMs: 0,
    stale: {
      verify: false,
      verifyTimeoutMs: 0,
      ttlSeconds: 0,
      recheckMs: STALE.recheckMs.default,
    },
    preferPositive: false,
    guard: { zones: [], durationMs: 0 },
    cutZones: [],
    keepTtl: false,
  };
}

/** `[TTL] [ZONES...]`: the first word is the TTL if it is a number. */
function readArguments(args: readonly Token[], draft: Draft): void {
  const hasTtl = args.length > 0 && /^[+-]?\d+$/.test(args[0].text);
  if (hasTtl) {
    const ttlSeconds = readInteger(args[0], TTL_SECONDS);
    draft.success.maxTtlSeconds = ttlSeconds;
    draft.denial.maxTtlSeconds = ttlSeconds;
  }
  const zones = readZones(hasTtl ? args.slice(1) : args, []);
  if (zones.length === 0) return;
  draft.zones = zones;
  draft.isPartial = true;
}

/** Reads one option's words into the draft. */
type OptionReader = (name: Token, args: readonly Token[], draft: Draft) => void;

/** A reader per option. BOUNDED by the options of the directive. */
const OPTIONS: ReadonlyMap<string, OptionReader> = new Map<string, OptionReader>([
  ['success', (name, args, draft) => readClass(name, args, draft.success)],
  ['denial', (name, args, draft) => readClass(name, args, draft.denial)],
  ['prefetch', readPrefetch],
  ['serve_stale', readServeStale],
  ['serve_stale_policy', readPolicy],
  ['servfail', readServfail],
  ['disable', readDisable],
  ['guard', readGuard],
  ['nxdomain_cut', readCut],
  ['keepttl', readKeepTtl],
]);

function readLine({ words: [name, ...args] }: OptionLine, draft: Draft): void {
  const read = OPTIONS.get(name.text);
  if (read === undefined) throw unknownOption('cache', name);
  read(name, args, draft);
}

/** `success|denial CAPACITY [TTL] [MINTTL]`. The original ignores words behind them, and so do we. */
function readClass(name: Token, args: readonly Token[], options: Mutable<ClassOptions>): void {
  checkCount(name, args, { min: 1, max: Number.POSITIVE_INFINITY });
  options.capacity = readInteger(args[0], ANY);
  if (args.length > 1) options.maxTtlSeconds = readInteger(args[1], TTL_SECONDS);
  if (args.length > 2) options.minTtlSeconds = readInteger(args[2], AT_LEAST_0);
}

/** `prefetch AMOUNT [DURATION] [PERCENT%]`. */
function readPrefetch(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 1, max: 3 });
  draft.prefetch = Object.freeze({
    amount: readInteger(args[0], AT_LEAST_0),
    durationMs: args.length > 1 ? readDurationMs(args[1], ANY) : PREFETCH.durationMs,
    percent: args.length > 2 ? readPercent(args[2]) : PREFETCH.percent.default,
  });
}

function readPercent(word: Token): number {
  if (!word.text.endsWith('%')) {
    throw new CorefileError('argument-value', `"${word.text}" lacks its percent sign`, word);
  }
  return readInteger({ ...word, text: word.text.slice(0, -1) }, PREFETCH.percent);
}

/** `serve_stale [DURATION] [immediate|verify [TIMEOUT]] [RESPONSE_TTL] [FAILURE_RECHECK]`. */
function readServeStale(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 0, max: 5 });
  const [duration, mode, ...times] = args;
  draft.staleMs = duration ? readDurationMs(duration, AT_LEAST_0) : STALE.durationMs;
  const verify = mode !== undefined && readMode(mode) === 'verify';
  const timeout = verify ? times.shift() : undefined;
  checkCount(name, times, { min: 0, max: 2 });
  const [ttl, recheck] = times;
  draft.stale = Object.freeze({
    verify,
    verifyTimeoutMs: timeout ? readDurationMs(timeout, AT_LEAST_0) : 0,
    ttlSeconds: ttl ? wholeSeconds(readDurationMs(ttl, STALE.ttlMs)) : 0,
    recheckMs: recheck ? readDurationMs(recheck, STALE.recheckMs) : STALE.recheckMs.default,
  });
}

function readMode(word: Token): string {
  const mode = word.text.toLowerCase();
  if (mode === 'immediate' || mode === 'verify') return mode;
  throw new CorefileError('argument-value', `"${word.text}" is neither immediate nor verify`, word);
}

/** `serve_stale_policy prefer_positive`: a good stale answer is worth more than a denial. */
function readPolicy(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 1, max: 1 });
  if (args[0].text !== 'prefer_positive') throw unknownOption(name.text, args[0]);
  draft.preferPositive = true;
}

/** `servfail DURATION`: what is less than a second stores none. */
function readServfail(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 1, max: 1 });
  draft.servfailSeconds = wholeSeconds(readDurationMs(args[0], SERVFAIL_MS));
}

function readKeepTtl(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 0, max: 0 });
  draft.keepTtl = true;
}

/** `disable success|denial [ZONES...]`. */
function readDisable(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 1, max: Number.POSITIVE_INFINITY });
  const [which, ...words] = args;
  const zones = readZones(words, EVERYWHERE);
  if (which.text === 'success') draft.success.disabledZones = zones;
  else if (which.text === 'denial') draft.denial.disabledZones = zones;
  else throw unknownOption('disable', which);
}

/** `guard DURATION [ZONES...]`: good answers outlive sudden denials and errors. */
function readGuard(name: Token, args: readonly Token[], draft: Draft): void {
  checkCount(name, args, { min: 1, max: Number.POSITIVE_INFINITY });
  const [duration, ...words] = args;
  draft.guard = Object.freeze({
    durationMs: readDurationMs(duration, GUARD_MS),
    zones: readZones(words, draft.zones),
  });
}

/** `nxdomain_cut [ZONES...]`. For the root it would cost a question per domain and save none. */
function readCut(name: Token, args: readonly Token[], draft: Draft): void {
  draft.cutZones = readZones(args, draft.zones);
  if (!draft.cutZones.includes('.')) return;
  const text = `"${name.text}" needs zones below the root, such as cluster.local`;
  throw new CorefileError('argument-value', text, args[0] ?? name);
}

function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
