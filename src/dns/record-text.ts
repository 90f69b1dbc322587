/**
 * Records in presentation form (RFC 1035 §5.1): what `template` and `hosts` are given, and what logs
 * and dumps show.
 *
 *   name [TTL] [class] type data        TTL and class in either order
 */
import type { ResourceRecord } from './message.ts';
import { nameToText } from './name.ts';
import { className, classNumber } from './rcode.ts';
import * as fields from './rdata-fields.ts';
import { RecordTextError } from './record-text-error.ts';
import { splitWords, WordReader } from './record-words.ts';
import { serviceParameters } from './service-parameters.ts';
import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_CAA,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_DNSKEY,
  TYPE_DS,
  TYPE_HINFO,
  TYPE_HTTPS,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_RP,
  TYPE_SOA,
  TYPE_SPF,
  TYPE_SRV,
  TYPE_SSHFP,
  TYPE_SVCB,
  TYPE_TLSA,
  TYPE_TXT,
  TYPE_URI,
  typeName,
  typeNumber,
} from './type.ts';

/** The TTL of a record that names none, as in CoreDNS. */
const DEFAULT_TTL_SECONDS = 3600;
/** RFC 2181 §8: a TTL has 31 bits. */
const MAX_TTL_SECONDS = 0x7fffffff;

const { domainName, u8, u16, seconds, text } = fields;

/** The fields of each type that has a form of its own; all others are written as octets. */
const TYPES: ReadonlyMap<number, readonly fields.RdataField[]> = new Map([
  [TYPE_A, [fields.ipv4]],
  [TYPE_AAAA, [fields.ipv6]],
  [TYPE_CNAME, [domainName]],
  [TYPE_DNAME, [domainName]],
  [TYPE_NS, [domainName]],
  [TYPE_PTR, [domainName]],
  [TYPE_MX, [u16, domainName]],
  [TYPE_SRV, [u16, u16, u16, domainName]],
  [TYPE_SOA, [domainName, domainName, fields.u32, seconds, seconds, seconds, seconds]],
  [TYPE_TXT, [fields.texts]],
  [TYPE_SPF, [fields.texts]],
  [TYPE_HINFO, [text, text]],
  [TYPE_RP, [domainName, domainName]],
  [TYPE_NAPTR, [u16, u16, text, text, text, domainName]],
  [TYPE_CAA, [u8, fields.label, fields.restAsText]],
  [TYPE_URI, [u16, u16, fields.restAsText]],
  [TYPE_SVCB, [u16, domainName, serviceParameters]],
  [TYPE_HTTPS, [u16, domainName, serviceParameters]],
  [TYPE_DS, [u16, u8, u8, fields.restAsHex]],
  [TYPE_DNSKEY, [u16, u8, u8, fields.restAsBase64]],
  [TYPE_SSHFP, [u8, u8, fields.restAsHex]],
  [TYPE_TLSA, [u8, u8, u8, fields.restAsHex]],
]);

/**
 * The record that one line of text stands for. Names without a last dot are absolute, `@` is the
 * root, a class left out is IN. Every type may be written as `\# length octets` (RFC 3597 §5).
 * Throws RecordTextError.
 */
export function parseRecord(
  line: string,
  defaultTtlSeconds: number = DEFAULT_TTL_SECONDS,
): ResourceRecord {
  const words = new WordReader(splitWords(line));
  const name = fields.nameFromWord(words.take('a name'));
  let ttlSeconds: number | null = null;
  let recordClass: number | null = null;
  for (;;) {
    const word = words.take('a type');
    if (ttlSeconds === null && /^\d/.test(word)) {
      ttlSeconds = ttlFromText(word);
      continue;
    }
    const found: number | undefined = recordClass === null ? classNumber(word) : undefined;
    // ANY and NONE are no classes of records; as words they are the type ANY and an error.
    if (found !== undefined && found < 254) {
      recordClass = found;
      continue;
    }
    const type = typeNumber(word);
    if (type === undefined) throw new RecordTextError('type', `"${word}" is not a record type`);
    return {
      name,
      type,
      class: recordClass ?? 1,
      ttlSeconds: ttlSeconds ?? defaultTtlSeconds,
      rdata: parseRdata(type, words),
    };
  }
}

/** The text of a record, its parts separated by one space each. Parsing it gives the record again. */
export function recordToText(record: ResourceRecord): string {
  const { name, ttlSeconds, type, rdata } = record;
  return [
    nameToText(name, 0),
    ttlSeconds,
    className(record.class),
    typeName(type),
    rdataToText(type, rdata),
  ].join(' ');
}

/** The text of a record's data, names uncompressed. As octets where the data does not suit the type. */
export function rdataToText(type: number, rdata: Buffer): string {
  const reader = new fields.RdataReader(rdata);
  const parts: string[] = [];
  for (const field of TYPES.get(type) ?? []) {
    const part = field.format(reader);
    if (part === null) return octetsOnly(rdata);
    if (part !== '') parts.push(part);
  }
  return parts.length === 0 || reader.left > 0 ? octetsOnly(rdata) : parts.join(' ');
}

function ttlFromText(word: string): number {
  const value = fields.secondsFromText(word);
  if (value !== null && value <= MAX_TTL_SECONDS) return value;
  throw new RecordTextError('ttl', `"${word}" is not a TTL such as 300 or 1h30m`);
}

/** The data in `words`, which it must use up. */
function parseRdata(type: number, words: WordReader): Buffer {
  if (words.peek()?.text === '\\#') return parseOctets(words);
  const layout = TYPES.get(type);
  if (layout === undefined) {
    const hint = 'needs its data as \\# length octets';
    throw new RecordTextError('type', `a record of type ${typeName(type)} ${hint}`);
  }
  const rdata = Buffer.concat(layout.map((field) => field.parse(words)));
  if (words.left > 0) {
    throw new RecordTextError('extra-field', `"${words.take('')}" is one word too many`);
  }
  return rdata;
}

/** `\# length octets` (RFC 3597 §5). */
function parseOctets(words: WordReader): Buffer {
  words.take('\\#');
  const [high, low] = fields.u16.parse(words);
  const octets = fields.restAsHex.parse(words);
  const length = (high << 8) | low;
  if (octets.length === length) return octets;
  throw new RecordTextError('octets', `${octets.length} octets are given where ${length} are said`);
}

function octetsOnly(rdata: Buffer): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${rdata.toString('hex')}`;
}
