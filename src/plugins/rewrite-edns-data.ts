/** What `rewrite edns0` puts into options. */
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { readInteger } from '../config/values.ts';
import { addressOctets } from '../dns/address.ts';
import { HEADER_LENGTH, writeUint16 } from '../dns/header.ts';
import { nameToText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';

/** What an option holds, for the question as rewritten so far; null when that is not known. */
export type OptionData = (query: Query, name: string, type: number) => Buffer | null;

/** Variables in braces: what they stand for, in the octets that go on the wire. */
const VARIABLES: ReadonlyMap<string, OptionData> = new Map<string, OptionData>([
  ['{qname}', (query, name) => Buffer.from(nameAsSent(query.wire, name))],
  ['{qtype}', (_query, _name, type) => uint16(type)],
  ['{client_ip}', ({ client }) => addressOctets(client.address)],
  ['{client_port}', ({ client }) => uint16(client.port)],
  ['{protocol}', ({ client }) => Buffer.from(client.transport)],
  ['{server_ip}', ({ client }) => addressOctets(client.localAddress)],
  ['{server_port}', ({ client }) => uint16(client.localPort)],
]);

/** A label of `metadata`, such as `{forward/upstream}`. No directive here gives one to queries. */
const METADATA_LABEL = /^\{[^{}/\s]+\/[^{}\s]+\}$/;

const unknown: OptionData = () => null;

/** Reads octets as text, or in hexadecimal behind `0x`, or a variable. Throws CorefileError. */
export function readLocalData(word: Token): OptionData {
  const { text } = word;
  if (text.startsWith('{') && text.endsWith('}')) {
    const variable = VARIABLES.get(text) ?? (METADATA_LABEL.test(text) ? unknown : undefined);
    if (variable !== undefined) return variable;
    throw new CorefileError('argument-value', `"${text}" is not a variable known here`, word);
  }
  if (text.startsWith('0x') && !/^0x([0-9A-Fa-f]{2})*$/.test(text)) {
    throw new CorefileError('argument-value', `"${text}" is not an even number of digits`, word);
  }
  const data = text.startsWith('0x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text);
  return () => data;
}

/** Reads how many bits of the client's address are told. Throws CorefileError. */
export function readSubnetData(v4: Token, v6: Token): OptionData {
  const v4Bits = readInteger(v4, { min: 0, max: 32 });
  const v6Bits = readInteger(v6, { min: 0, max: 128 });
  return ({ client }) => {
    const octets = addressOctets(client.address);
    if (octets === null) return null;
    return subnetOption(octets, octets.length === 4 ? v4Bits : v6Bits);
  };
}

/** RFC 7871 §6: family, source prefix length, scope 0, and as many octets as hold the prefix. */
function subnetOption(address: Buffer, bits: number): Buffer {
  const length = Math.ceil(bits / 8);
  const option = Buffer.alloc(4 + length);
  writeUint16(option, 0, address.length === 4 ? 1 : 2);
  option[2] = bits;
  address.copy(option, 4, 0, length);
  // What is left of the last octet is padded with 0 bits.
  if (bits % 8 !== 0) option[3 + length] &= 0xff << (8 - (bits % 8));
  return option;
}

/** The name in the letter case of the client, as long as it is the client's. */
function nameAsSent(wire: Buffer, name: string): string {
  const sent = nameToText(wire, HEADER_LENGTH);
  return sent.toLowerCase() === name ? sent : name;
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  writeUint16(octets, 0, value);
  return octets;
}
