/** The `{…}` words of a log format and what they stand for (spec §5.10). */

import type { Answer } from '../dns/answer.ts';
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_LENGTH,
  MAX_MESSAGE_LENGTH,
  MIN_UDP_PAYLOAD,
} from '../dns/header.ts';
import { decodeMessage } from '../dns/message.ts';
import type { Query } from '../dns/query.ts';
import { className, rcodeName } from '../dns/rcode.ts';
import { typeName } from '../dns/type.ts';
import type { Outcome } from './stage.ts';

/** What a line is written from. */
export interface LogEvent {
  readonly query: Query;
  readonly outcome: Outcome;
  /** From receiving the query to having its answer. */
  readonly durationMs: number;
  /** Who was asked last, `10.96.0.10:53`; '' for nobody, or when the format does not say it. */
  readonly upstream: string;
}

/** Writes one piece of a line. */
type Piece = (event: LogEvent) => string;

/** A format, understood. */
export interface LogFormat {
  /** Writes one line. */
  readonly write: (event: LogEvent) => string;
  /** Whether it has a place for `upstream`, which costs something to know. */
  readonly saysUpstream: boolean;
}

export const COMMON_FORMAT =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" ' +
  '{rcode} {>rflags} {rsize} {duration}';
const COMBINED_FORMAT = `${COMMON_FORMAT} "{>opcode}"`;

/** CoreDNS' label of `metadata` for the upstream that was asked. */
const UPSTREAM = '{/forward/upstream}';
/** What stands for something that is not known. */
const EMPTY = '-';
/** Reserved, must be zero; the original shows it all the same (RFC 1035 §4.1.1). */
const FLAG_Z = 0x0040;

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [FLAG_QR, 'qr'],
  [FLAG_AA, 'aa'],
  [FLAG_TC, 'tc'],
  [FLAG_RD, 'rd'],
  [FLAG_RA, 'ra'],
  [FLAG_Z, 'z'],
  [FLAG_AD, 'ad'],
  [FLAG_CD, 'cd'],
];

const PLACEHOLDERS: ReadonlyMap<string, Piece> = new Map<string, Piece>([
  ['{type}', ({ query }) => typeName(query.qtype)],
  ['{name}', ({ query }) => query.name],
  ['{class}', ({ query }) => className(query.qclass)],
  ['{proto}', ({ query }) => query.client.transport],
  ['{size}', ({ query }) => `${query.wire.length}`],
  ['{remote}', ({ query }) => bracketed(query.client.address)],
  ['{port}', ({ query }) => `${query.client.port}`],
  ['{local}', ({ query }) => bracketed(query.client.localAddress)],
  ['{rcode}', ({ outcome }) => (outcome.answer === null ? EMPTY : rcodeName(outcome.rcode))],
  [
    '{rsize}',
    ({ outcome }) => `${outcome.answer === null ? 0 : uncompressedLength(outcome.answer)}`,
  ],
  ['{duration}', ({ durationMs }) => seconds(durationMs)],
  ['{>id}', ({ query }) => `${query.id}`],
  ['{>opcode}', ({ query }) => `${query.opcode}`],
  ['{>do}', ({ query }) => `${query.dnssecOk}`],
  ['{>bufsize}', ({ query }) => `${bufferSize(query)}`],
  ['{>rflags}', ({ query, outcome }) => responseFlags(query, outcome)],
  [UPSTREAM, ({ upstream }) => upstream || EMPTY],
]);

/**
 * Reads a format. Words in braces that mean nothing stay as they are; of the labels of `metadata`
 * only the upstream is known here.
 */
export function readLogFormat(text: string): LogFormat {
  const expanded = text
    .replaceAll('{common}', COMMON_FORMAT)
    .replaceAll('{combined}', COMBINED_FORMAT);
  const pieces = expanded.split(/(\{[^{}]+\})/).map((piece): Piece => {
    const word = piece.startsWith('{>') ? piece.toLowerCase() : piece;
    const isLabel = /^\{\/.+\}$/.test(word);
    return PLACEHOLDERS.get(word) ?? (isLabel ? () => EMPTY : () => piece);
  });
  return {
    write: (event) => pieces.map((piece) => piece(event)).join(''),
    saysUpstream: expanded.includes(UPSTREAM),
  };
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Seconds as Go prints a number: no exponent, no zeros at the end. */
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(9).replace(/\.?0+$/, '')}s`;
}

/** What the client can take, as CoreDNS sees it. */
function bufferSize({ client, ednsSize }: Query): number {
  return client.transport === 'tcp' ? MAX_MESSAGE_LENGTH : Math.max(ednsSize, MIN_UDP_PAYLOAD);
}

function responseFlags(query: Query, { answer, aaFlag }: Outcome): string {
  if (answer === null) return EMPTY;
  const kept = FLAG_RD | FLAG_CD;
  const flags = (answer.flags & ~kept) | (query.flags & kept) | aaFlag | FLAG_QR;
  return FLAG_NAMES.filter(([flag]) => (flags & flag) !== 0)
    .map(([, name]) => name)
    .join(',');
}

/** Octets of the message with all its names spelled out. */
function uncompressedLength({ wire }: Answer): number {
  const message = decodeMessage(wire);
  if (message === null) return wire.length;
  const records = [...message.answers, ...message.authorities, ...message.additionals];
  return (
    HEADER_LENGTH +
    message.questions.reduce((sum, { name }) => sum + name.length + 4, 0) +
    records.reduce((sum, { name, rdata }) => sum + name.length + 10 + rdata.length, 0)
  );
}
