/**
 * A query that could not be answered on the spot: its own copy of the message, so that the receive
 * buffer is free again, with what the plugins ask about it.
 */
import {
  FLAG_CD,
  FLAG_RD,
  HEADER_LENGTH,
  OPCODE_MASK,
  OPCODE_SHIFT,
  readUint16,
} from './header.ts';
import { nameToText } from './name.ts';
import { QueryView, READ_OK } from './query-view.ts';

/** Who asked and the way back. */
export interface Client {
  readonly transport: 'udp' | 'tcp';
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** Address in text form, without port. */
  readonly address: string;
  readonly port: number;
  /** The address of ours that was asked, in text form, and its port. */
  readonly localAddress: string;
  readonly localPort: number;
  /**
   * Sends one whole message; copies it before it returns. Does nothing when the client is gone. An
   * empty message ends the query without a reply.
   */
  send(message: Buffer): void;
}

/** Follows one query on its road, for those who want to know how its answer comes about. */
export interface QueryTrace {
  /** Whether answers are neither taken from caches nor put there. */
  readonly skipsCache: boolean;
  /** An upstream was asked `query`, perhaps a rewritten one, and this came of it after `tookMs`. */
  upstream(step: UpstreamStep): void;
}

/** What one upstream did with a question. */
export interface UpstreamStep {
  readonly query: Query;
  /** `10.96.0.10:53`. */
  readonly to: string;
  readonly protocol: 'udp' | 'tcp' | 'tcp-tls' | 'https';
  readonly tookMs: number;
  /** Of its answer; null when there was none. */
  readonly rcode: number | null;
  /** Why there was no answer; else ''. */
  readonly error: string;
}

export class Query {
  /** The message as received. Never changed: forwarding patches the ID in a copy. */
  readonly wire: Buffer;
  readonly client: Client;
  /** The zone of the server block that serves the name: lower case, with its last dot. */
  readonly zone: string;
  /** The metric label of the listener: `dns://169.254.20.10:53`. */
  readonly server: string;
  /** Lower-cased question and DO and CD bits, as latin1 text: equal keys, equal answers. */
  readonly key: string;
  /** Of `key` (key-hash.ts). */
  readonly keyHash: number;
  /** Second header word. */
  readonly flags: number;
  readonly qtype: number;
  readonly qclass: number;
  /** Where the question ends in `wire`. */
  readonly questionEnd: number;
  readonly hasOpt: boolean;
  /** What the client can take over UDP, as it said (or `bufsize` cut it); 0 without OPT. */
  readonly ednsSize: number;
  readonly dnssecOk: boolean;
  /** EDNS options that the reply repeats; `nsid` puts its own among them. */
  echo: Buffer | null;
  /** The query that gave rise to this one, which no client sent; null for a client's own. */
  readonly parent: Query | null;
  /** When it was received, on the daemon's monotonic clock. */
  readonly receivedAtMs: number;
  /** Who follows it and the queries that it gives rise to; null for nobody. `log` may put itself there. */
  trace: QueryTrace | null;
  #name: string | null = null;

  constructor(view: QueryView, packet: Buffer, start: number, context: QueryContext) {
    // Not `Buffer.from` of a view: two objects where one will do.
    this.wire = Buffer.allocUnsafe(view.length);
    packet.copy(this.wire, 0, start, start + view.length);
    this.client = context.client;
    this.zone = context.zone;
    this.server = context.server;
    this.receivedAtMs = context.nowMs;
    this.parent = context.parent ?? null;
    this.trace = context.trace ?? context.parent?.trace ?? null;
    this.key = view.keyText;
    this.keyHash = view.keyHash;
    this.flags = view.flags;
    this.qtype = view.qtype;
    this.qclass = view.qclass;
    this.questionEnd = view.questionEnd;
    this.hasOpt = view.hasOpt;
    this.ednsSize = view.ednsSize;
    this.dnssecOk = view.dnssecOk;
    this.echo = view.echoLength === 0 ? null : Buffer.from(view.echo.subarray(0, view.echoLength));
  }

  get id(): number {
    return readUint16(this.wire, 0);
  }

  get opcode(): number {
    return (this.flags & OPCODE_MASK) >> OPCODE_SHIFT;
  }

  get recursionDesired(): boolean {
    return (this.flags & FLAG_RD) !== 0;
  }

  get checkingDisabled(): boolean {
    return (this.flags & FLAG_CD) !== 0;
  }

  /** The name asked for in presentation form: lower case, with its last dot. */
  get name(): string {
    this.#name ??= nameToText(this.wire, HEADER_LENGTH).toLowerCase();
    return this.#name;
  }

  /** The same in wire form, letter case kept: a view of `wire`. */
  get wireName(): Buffer {
    // Nothing stands before the question that a pointer in it could lead to.
    return this.wire.subarray(HEADER_LENGTH, this.questionEnd - 4);
  }

  /**
   * The same client's query with another message, for plugins that ask something else than what they
   * were asked (`rewrite`, `dns64`). Copies `wire`. Null when that is no well-formed query.
   */
  rewritten(wire: Buffer): Query | null {
    if (rewrittenView.read(wire, 0, wire.length) !== READ_OK) return null;
    const { client, zone, server, receivedAtMs } = this;
    const nowMs = receivedAtMs;
    return new Query(rewrittenView, wire, 0, { client, zone, server, nowMs, parent: this });
  }
}

const rewrittenView = new QueryView();

/** What a query is received with, beside its octets. */
export interface QueryContext {
  readonly client: Client;
  readonly zone: string;
  readonly server: string;
  readonly nowMs: number;
  readonly parent?: Query;
  readonly trace?: QueryTrace;
}
