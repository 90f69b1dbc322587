/** The parameters of SVCB and HTTPS records (RFC 9460 §2.1, §2.2 and §7). */
import { addressText } from './address.ts';
import { readUint16 } from './header.ts';
import { addressFromWord, type RdataField, type RdataReader } from './rdata-fields.ts';
import { RecordTextError } from './record-text-error.ts';
import { octetsFromText, octetsToText } from './record-words.ts';

/** How the value of one key is written. */
interface ParameterFormat {
  parse(text: string): Buffer;
  /** Null when the octets are no such value. */
  format(value: Buffer): string | null;
}

/** Keys by number (RFC 9460 §14.3.2, dohpath: RFC 9461). */
const KEYS = [
  'mandatory',
  'alpn',
  'no-default-alpn',
  'port',
  'ipv4hint',
  'ech',
  'ipv6hint',
  'dohpath',
];

/** All parameters to the end of the data. */
export const serviceParameters: RdataField = {
  parse(words) {
    const values = new Map<number, Buffer>();
    for (const { text } of words.takeRest()) {
      const [name] = text.split('=', 1);
      const key = keyFromText(name);
      if (values.has(key)) throw new RecordTextError('parameter', `"${name}" is given twice`);
      values.set(key, valueFromText(key, name, text));
    }
    // RFC 9460 §2.2: "SvcParamKeys SHALL appear in increasing numeric order."
    const sorted = [...values].sort(([a], [b]) => a - b);
    return Buffer.concat(sorted.flatMap(([key, value]) => [u16(key), u16(value.length), value]));
  },
  format(rdata) {
    const found: string[] = [];
    while (rdata.left > 0) {
      const parameter = formatParameter(rdata);
      if (parameter === null) return null;
      found.push(parameter);
    }
    return found.join(' ');
  },
};

/** A key without a format of its own: any octets. */
const GENERIC: ParameterFormat = {
  parse: octetsFromText,
  format: octetsToText,
};

/** Lists of keys, of character strings, of addresses; a number; octets. */
const FORMATS: ReadonlyMap<number, ParameterFormat> = new Map([
  [0, { parse: parseKeys, format: formatKeys }],
  [1, { parse: parseStrings, format: formatStrings }],
  [3, { parse: parsePort, format: formatPort }],
  [4, addressList(4)],
  [5, { parse: parseBase64, format: (value: Buffer) => value.toString('base64') }],
  [6, addressList(16)],
]);

function keyFromText(name: string): number {
  const known = KEYS.indexOf(name);
  if (known >= 0) return known;
  const digits = /^key(\d{1,5})$/.exec(name)?.[1];
  const key = digits === undefined ? 0x10000 : Number(digits);
  if (key > 0xffff) throw new RecordTextError('parameter', `"${name}" is not a service parameter`);
  return key;
}

function keyToText(key: number): string {
  return KEYS[key] ?? `key${key}`;
}

/** What stands behind the `=` of `word`; a key may stand without. */
function valueFromText(key: number, name: string, word: string): Buffer {
  const hasValue = word.length > name.length;
  if (!hasValue && (key === 2 || !FORMATS.has(key))) return Buffer.alloc(0);
  if (!hasValue || key === 2) {
    throw new RecordTextError('parameter', `"${word}" ${hasValue ? 'takes no' : 'needs a'} value`);
  }
  return (FORMATS.get(key) ?? GENERIC).parse(word.slice(name.length + 1));
}

function formatParameter(rdata: RdataReader): string | null {
  const head = rdata.take(4);
  const value = head === null ? null : rdata.take(readUint16(head, 2));
  if (head === null || value === null) return null;
  const key = readUint16(head, 0);
  if (value.length === 0) return keyToText(key);
  const text = (FORMATS.get(key) ?? GENERIC).format(value);
  return text === null ? null : `${keyToText(key)}=${text}`;
}

/** The items of a comma-separated list, none of them empty. */
function listOf(text: string): string[] {
  const items = text.split(',');
  if (items.includes('')) throw new RecordTextError('parameter', `"${text}" has an empty item`);
  return items;
}

function parseKeys(text: string): Buffer {
  return Buffer.concat(listOf(text).map((name) => u16(keyFromText(name))));
}

function formatKeys(value: Buffer): string | null {
  if (value.length % 2 !== 0) return null;
  const keys: string[] = [];
  for (let at = 0; at < value.length; at += 2) keys.push(keyToText(readUint16(value, at)));
  return keys.join(',');
}

function parseStrings(text: string): Buffer {
  return Buffer.concat(
    listOf(text).flatMap((item) => {
      const octets = octetsFromText(item);
      if (octets.length <= 255) return [Buffer.from([octets.length]), octets];
      throw new RecordTextError('string', `"${item}" is longer than 255 octets`);
    }),
  );
}

function formatStrings(value: Buffer): string | null {
  const items: string[] = [];
  for (let at = 0; at < value.length; ) {
    const end = at + 1 + value[at];
    const item = value.toString('latin1', at + 1, end);
    // A comma or a quote in a protocol's name would need two layers of escapes (RFC 9460 §A.1).
    if (end > value.length || !/^[\x21-\x7e]+$/.test(item) || /[,"\\]/.test(item)) return null;
    items.push(item);
    at = end;
  }
  return `"${items.join(',')}"`;
}

function parsePort(text: string): Buffer {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 0xffff) return u16(Number(text));
  throw new RecordTextError('number', `"${text}" is not a port`);
}

function formatPort(value: Buffer): string | null {
  return value.length === 2 ? String(readUint16(value, 0)) : null;
}

function parseBase64(text: string): Buffer {
  if (/^[0-9a-z+/]+={0,2}$/i.test(text)) return Buffer.from(text, 'base64');
  throw new RecordTextError('octets', `"${text}" is not base64`);
}

function addressList(length: 4 | 16): ParameterFormat {
  return {
    parse: (text) => Buffer.concat(listOf(text).map((item) => addressFromWord(item, length))),
    format(value) {
      if (value.length % length !== 0) return null;
      const addresses: string[] = [];
      for (let at = 0; at < value.length; at += length) {
        addresses.push(addressText(value.subarray(at, at + length)));
      }
      return addresses.join(',');
    },
  };
}

function u16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}
