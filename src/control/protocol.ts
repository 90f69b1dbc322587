/**
 * What `nodelocaldns <command>` and the running daemon say to each other: one request per
 * connection, then lines of JSON. Each item of the answer is a line `{ "item": … }`; the last line
 * is `{ "end": true }` or `{ "error": "why" }`.
 */

/** A question to the daemon. */
export type ControlRequest =
  | { readonly command: 'state' }
  | { readonly command: 'top' }
  | { readonly command: 'dump' }
  | {
      readonly command: 'explain';
      readonly name: string;
      readonly type: string;
      readonly from: string;
      readonly skipCache: boolean;
    }
  | { readonly command: 'flush'; readonly zone: string };

/** A line of an answer. */
export type ControlLine =
  | { readonly item: unknown }
  | { readonly end: true }
  | { readonly error: string };

/** The longest request, in octets; a longer one is none of ours. */
export const MAX_REQUEST_LENGTH = 4096;

/** Everything about the daemon that is not about single queries. */
export interface NodeState {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly memoryOctets: number;
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  readonly setup: Setup;
  readonly interception: InterceptionState;
  readonly listeners: readonly ListenerState[];
  readonly upstreams: readonly UpstreamState[];
  readonly caches: readonly CacheState[];
  readonly counts: Counts;
  readonly corefile: { readonly path: string; readonly digest: string; readonly text: string };
  /** The last one first. */
  readonly problems: readonly Problem[];
  /** By kind: `iptables`, `interface_add`, …; those that never happened are left out. */
  readonly setupErrors: Readonly<Record<string, number>>;
}

/** How the daemon was told to set up the node. */
export interface Setup {
  readonly localAddresses: readonly string[];
  readonly dnsPort: number;
  readonly healthPort: number;
  readonly setupInterface: boolean;
  readonly interfaceName: string;
  readonly setupRules: boolean;
  readonly rulesBackend: 'auto' | 'iptables' | 'nftables';
  /** 0: addresses without end. */
  readonly leaseMs: number;
}

export interface InterceptionState {
  readonly state: 'idle' | 'prepared' | 'engaged' | 'stopped';
  readonly isHeld: boolean;
  /** Local addresses on the interface. */
  readonly held: readonly string[];
  /** Local addresses whose rules are in place. */
  readonly ruled: readonly string[];
  /** '' for none. */
  readonly rulesBackend: string;
}

export interface ListenerState {
  /** '' for the wildcard address. */
  readonly address: string;
  readonly port: number;
  readonly zones: readonly string[];
  readonly received: number;
  readonly inFlight: number;
}

export interface UpstreamState {
  /** `10.96.0.10:53`. */
  readonly to: string;
  /** `unused`: nothing was asked yet. `suspect`: an exchange failed and no check was answered since. */
  readonly health: 'well' | 'suspect' | 'down' | 'looping' | 'unused';
  /** Smoothed; null before the first measurement. */
  readonly roundTripMs: number | null;
  readonly sent: number;
  readonly overdue: number;
  readonly failedChecks: number;
}

export interface CacheState {
  /** The first listener and the zones. */
  readonly name: string;
  readonly successes: number;
  readonly denials: number;
}

/** Counted since the start. */
export interface Counts {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly servedStale: number;
  /** Responses by rcode name. */
  readonly rcodes: Readonly<Record<string, number>>;
  /** Names that do not exist and end as a search list has it, by that suffix. */
  readonly wastedSearches: Readonly<Record<string, number>>;
  /** How often the lease on the addresses ended, by `unanswered` and `standstill`. */
  readonly leaseExpiries: Readonly<Record<string, number>>;
  /** What others removed and was put back, by `interface`, `address` and `rules`. */
  readonly repairs: Readonly<Record<string, number>>;
  readonly hitDurations: Durations;
  readonly missDurations: Durations;
}

/** A histogram: how many took longer than the bound before and at most this one. */
export interface Durations {
  /** Seconds, ascending. */
  readonly bounds: readonly number[];
  /** One more than `bounds`. */
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

/** Something that the daemon complained about. */
export interface Problem {
  /** Unix time in milliseconds when it was last said. */
  readonly atMs: number;
  readonly level: string;
  /** '' for the daemon itself. */
  readonly plugin: string;
  readonly text: string;
  readonly times: number;
}

/** Who asks what, from samples of the last seconds. */
export interface TopView {
  /** How long the daemon has been looking; the first seconds say little. */
  readonly watchedSeconds: number;
  /** Of how many queries one is looked at. */
  readonly sampledOneIn: number;
  readonly queriesPerSecond: number;
  readonly names: readonly TopEntry[];
  readonly clients: readonly TopEntry[];
  readonly types: readonly TopEntry[];
  /** Suffixes of names that do not exist: what search lists waste. */
  readonly missingSuffixes: readonly TopEntry[];
}

export interface TopEntry {
  readonly key: string;
  readonly perSecond: number;
}

/** How a question is answered, and why so. */
export interface Explanation {
  readonly name: string;
  readonly type: string;
  /** The listener that was asked: `169.254.20.10:53`. */
  readonly listener: string;
  /** The block that serves the name; null: none does. */
  readonly block: BlockState | null;
  /** What lay in the cache before, for each kind of client that asked. */
  readonly cached: readonly CachedAnswer[];
  /** Whether the cache was passed over all the same. */
  readonly skippedCache: boolean;
  /** What upstreams were asked, in order; empty when the cache had it. */
  readonly steps: readonly ExplainedStep[];
  /** What was asked instead of the name, by `rewrite`, `dns64` and their like. */
  readonly askedInstead: readonly string[];
  readonly rcode: string;
  /** The directive that wrote the answer; '' for the server. */
  readonly answeredBy: string;
  readonly error: string;
  readonly tookMs: number;
  readonly records: readonly string[];
}

export interface BlockState {
  readonly zone: string;
  /** Its place: `Corefile:12`. */
  readonly place: string;
  readonly directives: readonly string[];
}

export interface CachedAnswer {
  readonly rcode: string;
  readonly ageSeconds: number;
  /** Below 0: expired so long ago. */
  readonly remainingSeconds: number;
  readonly lifetimeSeconds: number;
  /** The bits of the client's query that it was stored for. */
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

export interface ExplainedStep {
  /** `name type` as the upstream was asked. */
  readonly question: string;
  readonly to: string;
  readonly protocol: string;
  readonly tookMs: number;
  /** '' when there was no answer. */
  readonly rcode: string;
  readonly error: string;
}

/** One entry of a cache. */
export interface DumpedEntry extends CachedAnswer {
  readonly cache: string;
  readonly name: string;
  readonly type: string;
  readonly octets: number;
}

/** What `flush` did. */
export interface Flushed {
  readonly entries: number;
}
