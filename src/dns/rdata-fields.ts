/** The fields that the data of records is made of, between text and wire form (RFC 1035 §3.3, §5.1). */
import { addressOctets, addressText } from './address.ts';
import { expandedNameLength, nameFromText, nameToText } from './name.ts';
import { RecordTextError } from './record-text-error.ts';
import { octetsFromText, octetsToText, type WordReader } from './record-words.ts';

/** One field, or as many as are left. */
export interface RdataField {
  /** The octets that the next words stand for. Throws RecordTextError. */
  parse(words: WordReader): Buffer;
  /** The text of the octets that `rdata` stands at; null when they are not such a field. */
  format(rdata: RdataReader): string | null;
}

/** Data of a record, names uncompressed, and how much of it has been read. */
export class RdataReader {
  readonly octets: Buffer;
  at = 0;

  constructor(octets: Buffer) {
    this.octets = octets;
  }

  get left(): number {
    return this.octets.length - this.at;
  }

  /** The next `length` octets; null when there are not as many. */
  take(length: number): Buffer | null {
    if (length > this.left) return null;
    this.at += length;
    return this.octets.subarray(this.at - length, this.at);
  }
}

/** Longest character string (RFC 1035 §3.3). */
const MAX_STRING_LENGTH = 255;

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  '': 1,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** Seconds of `300` or `1h30m`; null when `text` is neither or more than 32 bits. */
export function secondsFromText(text: string): number | null {
  if (!/^(\d+|(\d+[smhdw])+)$/i.test(text)) return null;
  let total = 0;
  for (const [, digits, unit] of text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)) {
    total += Number(digits) * UNIT_SECONDS[unit];
  }
  return total <= 0xffffffff ? total : null;
}

/** A name; one without its last dot is taken for absolute, `@` for the root. */
export function nameFromWord(word: string): Buffer {
  const name = nameFromText(word === '@' ? '.' : word);
  if (name === null) throw new RecordTextError('name', `"${word}" is not a domain name`);
  return name;
}

/** An address of this many octets. */
export function addressFromWord(word: string, length: 4 | 16): Buffer {
  const octets = word.includes('%') ? null : addressOctets(word);
  if (octets !== null && octets.length === length) return octets;
  const family = length === 4 ? 'IPv4' : 'IPv6';
  throw new RecordTextError('address', `"${word}" is not an ${family} address`);
}

export const u8 = integerField(1);
export const u16 = integerField(2);
export const u32 = integerField(4);

/** Seconds, with units allowed. */
export const seconds: RdataField = {
  parse(words) {
    const text = words.take('a number of seconds');
    const value = secondsFromText(text);
    if (value === null) throw new RecordTextError('number', `"${text}" is not a number of seconds`);
    return integer(value, 4);
  },
  format: u32.format,
};

export const domainName: RdataField = {
  parse: (words) => nameFromWord(words.take('a domain name')),
  format(rdata) {
    // Uncompressed, so what follows the name decides nothing and pointers are no names.
    const rest = rdata.octets.subarray(rdata.at);
    const length = expandedNameLength(rest, 0, rest.length);
    if (length < 0 || rdata.take(length) === null) return null;
    return nameToText(rest, 0);
  },
};

export const ipv4 = addressField(4);
export const ipv6 = addressField(16);

/** One character string: at most 255 octets, its length in front. */
export const text: RdataField = {
  parse: (words) => characterString(octetsFromText(words.take('a string'))),
  format(rdata) {
    const string = takeString(rdata);
    return string === null ? null : octetsToText(string);
  },
};

/** A character string that is a word, never quoted: the property of a CAA record. */
export const label: RdataField = {
  parse: text.parse,
  format(rdata) {
    const string = takeString(rdata)?.toString('latin1') ?? '';
    return /^[0-9a-z]+$/i.test(string) ? string : null;
  },
};

/** One character string or more. Longer ones are split, as CoreDNS does. */
export const texts: RdataField = {
  parse(words) {
    if (words.left === 0) throw new RecordTextError('missing-field', 'a string is missing');
    return Buffer.concat(
      words.takeRest().flatMap((word) => pieces(octetsFromText(word.text)).map(characterString)),
    );
  },
  format(rdata) {
    const found: string[] = [];
    while (rdata.left > 0) {
      const string = takeString(rdata);
      if (string === null) return null;
      found.push(octetsToText(string));
    }
    return found.length === 0 ? null : found.join(' ');
  },
};

/** One string that goes to the end of the data, without a length. */
export const restAsText: RdataField = {
  parse: (words) => octetsFromText(words.take('a string')),
  format(rdata) {
    const rest = rdata.take(rdata.left);
    return rest === null ? null : octetsToText(rest);
  },
};

export const restAsHex = encodedField('hex', /^([0-9a-f]{2})*$/i);
export const restAsBase64 = encodedField('base64', /^[0-9a-z+/]*={0,2}$/i);

function integerField(length: 1 | 2 | 4): RdataField {
  const max = 256 ** length - 1;
  return {
    parse(words) {
      const word = words.take('a number');
      if (!/^\d+$/.test(word) || Number(word) > max) {
        throw new RecordTextError('number', `"${word}" is not a number from 0 to ${max}`);
      }
      return integer(Number(word), length);
    },
    format: (rdata) => rdata.take(length)?.readUIntBE(0, length).toString() ?? null,
  };
}

function integer(value: number, length: number): Buffer {
  const octets = Buffer.alloc(length);
  octets.writeUIntBE(value, 0, length);
  return octets;
}

function addressField(length: 4 | 16): RdataField {
  return {
    parse(words) {
      const word = words.take('an address');
      return addressFromWord(word, length);
    },
    format(rdata) {
      const octets = rdata.take(length);
      return octets === null ? null : addressText(octets);
    },
  };
}

/** Octets to the end of the data, written as hexadecimal digits or base64 in any number of words. */
function encodedField(encoding: 'hex' | 'base64', pattern: RegExp): RdataField {
  return {
    parse(words) {
      const digits = words
        .takeRest()
        .map((word) => word.text)
        .join('');
      if (!pattern.test(digits)) {
        throw new RecordTextError('octets', `"${digits}" is not ${encoding}`);
      }
      return Buffer.from(digits, encoding);
    },
    format: (rdata) => rdata.take(rdata.left)?.toString(encoding) ?? null,
  };
}

function characterString(octets: Buffer): Buffer {
  if (octets.length > MAX_STRING_LENGTH) {
    throw new RecordTextError('string', `a string of ${octets.length} octets is longer than 255`);
  }
  return Buffer.concat([integer(octets.length, 1), octets]);
}

function takeString(rdata: RdataReader): Buffer | null {
  const length = rdata.take(1);
  return length === null ? null : rdata.take(length[0]);
}

/** `octets` in pieces of at most 255; one empty piece of none. */
function pieces(octets: Buffer): Buffer[] {
  const count = Math.max(1, Math.ceil(octets.length / MAX_STRING_LENGTH));
  return Array.from({ length: count }, (_, i) =>
    octets.subarray(i * MAX_STRING_LENGTH, (i + 1) * MAX_STRING_LENGTH),
  );
}
