/**
 * What a Corefile directive is to the daemon. One file of this folder each; `registry.ts` lists
 * them in the order of the chain (spec §5.0).
 */
import type { Source } from '../config/file-source.ts';
import type { DirectiveUse } from '../config/token.ts';
import type { Query } from '../dns/query.ts';
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { Done, HitPath, Stage } from './stage.ts';

/** A directive's syntax and what it does. `parse` reads, the others act on what it read. */
export interface Directive<Options> {
  readonly name: string;
  /** Whether a block may use it more than once; otherwise the second use is an error. */
  readonly repeatable: boolean;
  /** Normalises all uses in one block: complete and frozen. Throws CorefileError. No I/O but reading files. */
  parse(uses: readonly DirectiveUse[], facts: BlockFacts): Options;
  /** Changes what the block is: where it listens, limits. */
  configure?(options: Options, settings: BlockSettings): void;
  /** Puts a stage in front of `next`. */
  stage?(options: Options, context: BlockContext, next: Stage): Stage;
  /** Takes parts that live beside the road: listeners, timers. */
  service?(options: Options, context: BlockContext): void;
}

/** What is known of a block while its directives are parsed. */
export interface BlockFacts {
  /** Zones of the block: lower case, last dot, CIDR keys expanded. */
  readonly zones: readonly string[];
  /** Position of the block in the Corefile, from 0. */
  readonly index: number;
  /** The port of the first key, for directives that talk to their own server. */
  readonly port: number;
  /** The interface that the daemon makes, known before it exists; absent: it makes none. */
  readonly ownInterface?: { readonly name: string; readonly addresses: readonly string[] };
}

/** What `configure` may change; starts with defaults. */
export interface BlockSettings {
  /** Addresses of `bind`; empty: the wildcard address. */
  listenAddresses: string[];
  /** The most that is believed of a client's EDNS payload size (`bufsize`). */
  maxEdnsSize: number;
  /** TCP timeouts of the listeners (`timeouts`). */
  readTimeoutMs: number;
  writeTimeoutMs: number;
  idleTimeoutMs: number;
  /** Queries one TCP connection may ask; 0 for any number. */
  maxTcpQueries: number;
  debug: boolean;
  /** Whether the block's queries are counted in coredns_dns_* (`prometheus`); absent: they are not. */
  countRequests?: boolean;
}

/** What a block's stages and services are built with. */
export interface BlockContext extends BlockFacts {
  /** Metric labels of the block's listeners: `dns://169.254.20.10:53`. */
  readonly servers: readonly string[];
  /** The same, as addresses and ports. */
  readonly listeners: readonly { readonly address: string; readonly port: number }[];
  /** The block's directives that see queries, for coredns_plugin_enabled; absent: none. */
  readonly handlerNames?: readonly string[];
  readonly parts: Parts;
  readonly catalogue: Catalogue;
  readonly log: Log;
  readonly clock: Clock;
  /** What only the daemon can do. */
  readonly daemon: DaemonHooks;
  /** Set by `cache` while the chain is built; the server uses it when no stage before it must see hits. */
  offerHitPath(path: HitPath): void;
  /**
   * Asks our own server for another name or type on behalf of `query`: the block that serves `name`
   * at the same listener answers, its cache included. `name` is in uncompressed wire form. Calls
   * `done` exactly once, within seconds, at once or later.
   */
  lookUp(query: Query, name: Buffer, type: number, done: Done): void;
  /** Said by a stage that must see every answer, cached ones included (`log`, `dns64`, `loadbalance`). */
  declineHitPath(): void;
}

/** What plugins may ask of the daemon. */
export interface DaemonHooks {
  /** Reads the Corefile again, validates it and swaps it in; resolves to false when it was refused. */
  reload(): Promise<boolean>;
  /** The same, but leaves all as it is when the Corefile means what the one in force means. */
  reloadIfChanged(): Promise<boolean>;
  /** The same for the Corefile in force: files that its directives name have changed. */
  refresh(): Promise<boolean>;
  /** The Corefile in force, or, while parts of a new one start, that one. */
  readonly corefile: CorefileInForce;
  /** True for an address this daemon listens on: never to be used as an upstream. */
  isOwnAddress(address: string, port: number): boolean;
  /**
   * Binds a TCP socket on an address that may come later, as the node's local ones do; returns its
   * file descriptor. Throws when that cannot be done.
   */
  bindEarly?(address: string, port: number): number;
  /** Names what keeps the daemon from answering, for `ready`; empty, or absent: it answers. */
  unready?(): readonly string[];
}

/** What is known of the Corefile as a whole. */
export interface CorefileInForce {
  /** Equal for Corefiles that mean the same; '' before there is one. */
  readonly digest: string;
  /** The files that were last read for it, whether it was refused then or not; empty for standard input. */
  readonly sources: readonly Source[];
}

/** Something that lives longer than one configuration: a listener, an upstream, a store. */
export interface Part {
  /** Called once before the configuration that took it comes into force. Rejects: it is not used. */
  start(): Promise<void>;
  /** Called once after the last configuration that took it is gone. Never rejects. */
  stop(): Promise<void>;
  /** Called when the daemon is asked to end, while everything still serves (`health { lameduck }`). */
  beforeShutdown?(): Promise<void>;
}

/** Hands out parts: the one in force with the same key is used again across a reload. */
export interface Parts {
  /** `key` holds all that makes two parts interchangeable: kind, address, options. */
  take<P extends Part>(key: string, make: () => P): P;
}
