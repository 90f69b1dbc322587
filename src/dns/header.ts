/**
 * The twelve octets every DNS message starts with (RFC 1035 §4.1.1), as offsets and masks.
 *
 *       0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
 *   0  |                      ID                       |
 *   2  |QR|   OPCODE  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
 *   4  |                    QDCOUNT                    |
 *   6  |                    ANCOUNT                    |
 *   8  |                    NSCOUNT                    |
 *  10  |                    ARCOUNT                    |
 */

/** Octets of a header. */
export const HEADER_LENGTH = 12;

/** The largest DNS message: what a two-octet length can say (RFC 1035 §4.2.2). */
export const MAX_MESSAGE_LENGTH = 65_535;

/** What a client that says nothing about its buffer can take over UDP (RFC 1035 §4.2.1). */
export const MIN_UDP_PAYLOAD = 512;

/** Bits of the second header word. AD and CD are from RFC 4035 §3. */
export const FLAG_QR = 0x8000;
export const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
export const FLAG_RD = 0x0100;
export const FLAG_RA = 0x0080;
export const FLAG_AD = 0x0020;
export const FLAG_CD = 0x0010;

/** Where the opcode and the response code stand in the second header word. */
export const OPCODE_MASK = 0x7800;
export const OPCODE_SHIFT = 11;
export const RCODE_MASK = 0x000f;

export const OPCODE_QUERY = 0;
export const OPCODE_NOTIFY = 4;
export const OPCODE_UPDATE = 5;

export const RCODE_NOERROR = 0;
export const RCODE_FORMERR = 1;
export const RCODE_SERVFAIL = 2;
export const RCODE_NXDOMAIN = 3;
export const RCODE_NOTIMP = 4;
export const RCODE_REFUSED = 5;
/** Extended: the upper eight bits travel in the OPT record (RFC 6891 §9). */
export const RCODE_BADVERS = 16;

export const CLASS_IN = 1;

/** Reads the two octets at `at`, most significant first. `at + 2` must lie within `message`. */
export function readUint16(message: Uint8Array, at: number): number {
  return (message[at] << 8) | message[at + 1];
}

/** Writes `value` (0..65535) at `at`, most significant octet first. */
export function writeUint16(message: Uint8Array, at: number, value: number): void {
  message[at] = value >> 8;
  message[at + 1] = value;
}

/** Reads the four octets at `at` as an unsigned number. */
export function readUint32(message: Uint8Array, at: number): number {
  return readUint16(message, at) * 0x10000 + readUint16(message, at + 2);
}

/** Writes `value` (0..2³²−1) at `at`, most significant octet first. */
export function writeUint32(message: Uint8Array, at: number, value: number): void {
  message[at] = value >>> 24;
  message[at + 1] = value >>> 16;
  message[at + 2] = value >>> 8;
  message[at + 3] = value;
}
