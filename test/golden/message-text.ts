/** Messages and records as the scenario files write them. */
import packet from 'dns-packet';
import type { Question } from './scenario.ts';

/** Header bits by name, in the order in which they are listed. */
export const FLAGS: Readonly<Record<string, number>> = {
  aa: packet.AUTHORITATIVE_ANSWER,
  tc: packet.TRUNCATED_RESPONSE,
  rd: packet.RECURSION_DESIRED,
  ra: packet.RECURSION_AVAILABLE,
  ad: packet.AUTHENTIC_DATA,
  cd: packet.CHECKING_DISABLED,
};

export const RCODES: Readonly<Record<string, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
};

/** The question as a message. */
export function encodeQuestion(question: Question, id: number): Buffer {
  let flags = question.rd === false ? 0 : FLAGS.rd;
  if (question.cd) flags |= FLAGS.cd;
  if (question.ad) flags |= FLAGS.ad;
  const message = {
    type: 'query',
    id: question.id ?? id,
    flags,
    opcode: question.opcode,
    questions: [
      { name: bareName(question.name), type: question.type, class: question.class ?? 'IN' },
    ],
    additionals: question.edns || question.do ? [optOf(question)] : [],
  };
  return packet.encode(message as packet.Packet);
}

function optOf(question: Question): object {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: question.edns ?? 1232,
    flags: question.do ? packet.DNSSEC_OK : 0,
    ednsVersion: question.version ?? 0,
    options: question.options ?? [],
  };
}

/** A reply as it is recorded; `timeout` for none, hexadecimal when it cannot be read. */
export function showReply(reply: Buffer | null | undefined): unknown {
  if (reply === null || reply === undefined) return 'timeout';
  try {
    return showMessage(reply);
  } catch {
    return `hex ${reply.toString('hex')}`;
  }
}

/** What dns-packet finds in a message, beyond what its types tell. */
interface Decoded extends packet.DecodedPacket {
  readonly rcode: string;
}

/** A record of any type. */
interface AnyRecord {
  readonly name: string;
  readonly ttl: number;
  readonly class?: string;
  readonly type: string;
  readonly data: unknown;
}

function showMessage(reply: Buffer): unknown {
  const message = packet.decode(reply) as Decoded;
  const header = reply.readUInt16BE(2);
  const additionals = message.additionals ?? [];
  const opt = additionals.find((record) => record.type === 'OPT');
  return {
    rcode: message.rcode + (opt?.extendedRcode ? `+${opt.extendedRcode}` : ''),
    flags: Object.keys(FLAGS)
      .filter((name) => (header & FLAGS[name]) !== 0)
      .join(' '),
    question: (message.questions ?? []).map((q) => `${q.name} ${q.class} ${q.type}`).join(', '),
    answer: (message.answers ?? []).map(showRecord),
    authority: (message.authorities ?? []).map(showRecord),
    additional: additionals.filter((record) => record.type !== 'OPT').map(showRecord),
    edns: opt === undefined ? null : showOpt(opt),
  };
}

function showOpt(opt: packet.OptAnswer): unknown {
  return {
    size: opt.udpPayloadSize,
    do: opt.flag_do,
    version: opt.ednsVersion,
    options: opt.options.map((option) => option.code),
  };
}

function showRecord(record: packet.Answer): string {
  const { name, ttl, class: recordClass, type, data } = record as AnyRecord;
  return `${name} ${ttl} ${recordClass ?? 'IN'} ${type} ${showData(type, data)}`;
}

/** The fields of structured data come in the order in which zone files write them. */
function showData(type: string, data: unknown): string {
  if (type === 'TXT') return [data].flat().join('|');
  if (Buffer.isBuffer(data)) return data.toString('hex');
  return typeof data === 'object' && data !== null ? Object.values(data).join(' ') : `${data}`;
}

/** A record from `name TTL CLASS TYPE data…`; data of unknown types is hexadecimal. */
export function parseRecord(line: string): packet.Answer {
  const [name, ttl, recordClass, type, ...words] = line.split(/\s+/);
  const data = parseData(type, words);
  return {
    name: bareName(name),
    ttl: Number(ttl),
    class: recordClass,
    type,
    data,
  } as packet.Answer;
}

function parseData(type: string, words: readonly string[]): unknown {
  const [first, second, third, fourth] = words;
  switch (type) {
    case 'A':
    case 'AAAA':
      return first;
    case 'CNAME':
    case 'DNAME':
    case 'NS':
    case 'PTR':
      return bareName(first);
    case 'MX':
      return { preference: Number(first), exchange: bareName(second) };
    case 'SRV':
      return {
        priority: Number(first),
        weight: Number(second),
        port: Number(third),
        target: bareName(fourth),
      };
    case 'SOA': {
      const [serial, refresh, retry, expire, minimum] = words.slice(2).map(Number);
      const names = { mname: bareName(first), rname: bareName(second) };
      return { ...names, serial, refresh, retry, expire, minimum };
    }
    case 'TXT':
      return words.join(' ');
    default:
      return Buffer.from(words.join(''), 'hex');
  }
}

/** dns-packet writes names without the last dot, and the root as a dot. */
export function bareName(name: string): string {
  return name.replace(/\.$/, '') || '.';
}
