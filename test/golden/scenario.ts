/** The form of the scenario files (`*.json` beside this file). */

/** One recorded conversation with a server. */
export interface Scenario {
  readonly name: string;
  readonly why: string;
  /** May hold {PORT}, {UP0}, {UP1}… (scripted upstreams) and {DEAD} (a closed port). */
  readonly corefile: string;
  /** The rules of each scripted upstream. */
  readonly upstreams: readonly (readonly Rule[])[];
  readonly steps: readonly Step[];
  readonly env?: Readonly<Record<string, string>>;
  /** True: the server is started and nothing is asked; `exit` says how it ended. */
  readonly startup?: boolean;
  /** Exit status, null when the server kept running. */
  readonly exit?: number | null;
}

/** What a scripted upstream does with a question; the first rule that matches is used. */
export interface Rule {
  /** A name, or `*` for all. */
  readonly name: string;
  readonly type?: string;
  readonly transport?: Transport;
  /** How often the rule holds; for ever without it. */
  readonly times?: number;
  readonly delayMs?: number;
  /** Say nothing. */
  readonly drop?: boolean;
  /** Close the connection. */
  readonly close?: boolean;
  readonly reply?: ScriptedReply;
}

export interface ScriptedReply {
  readonly rcode?: string;
  /** Names of header bits, `aa` without it. */
  readonly flags?: string;
  /** Records as text: `name TTL CLASS TYPE data`. */
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  /** null: no OPT record though the query had one. */
  readonly opt?: null;
  /** `name TYPE`: another question than the one asked. */
  readonly question?: string;
  readonly wrongId?: boolean;
}

export type Transport = 'udp' | 'tcp';

/** One query. */
export interface Question {
  readonly name: string;
  readonly type: string;
  readonly class?: string;
  readonly transport?: Transport;
  readonly rd?: boolean;
  readonly cd?: boolean;
  readonly ad?: boolean;
  readonly do?: boolean;
  /** Payload size; an OPT record is sent when this or `do` is given. */
  readonly edns?: number;
  readonly version?: number;
  readonly options?: readonly { readonly code: number; readonly data: string }[];
  readonly opcode?: string;
  readonly id?: number;
}

/** One thing to do, and what was recorded when node-cache was asked the same. */
export interface Step {
  readonly q?: Question;
  /** Octets in hexadecimal, sent as they are over `transport`. */
  readonly raw?: string;
  readonly transport?: Transport;
  /** All at once, each from a socket of its own. */
  readonly burst?: readonly Question[];
  /** All on one connection. */
  readonly pipeline?: readonly Question[];
  /** Seconds. */
  readonly sleep?: number;
  readonly upstreamDown?: number;
  readonly upstreamUp?: number;
  readonly got?: unknown;
  /** What reached each upstream during the step. */
  readonly seen?: unknown;
  /** Stand for `got` and `seen` where the recording leaves something open. */
  readonly want?: unknown;
  readonly wantSeen?: unknown;
}

/** What a step gave. */
export interface StepResult {
  readonly got?: unknown;
  readonly seen?: readonly (readonly string[])[];
}
