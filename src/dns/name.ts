/** Domain names: walking them on the wire, and their presentation form (RFC 1035 §3.1, §4.1.4, §5.1). */
import { HEADER_LENGTH } from './header.ts';

/** Octets of a whole name at most, the root's included (RFC 1035 §2.3.4). */
export const MAX_NAME_LENGTH = 255;
/** Octets of one label at most (RFC 1035 §2.3.4). */
export const MAX_LABEL_LENGTH = 63;
/** A length octet from here on starts a compression pointer (RFC 1035 §4.1.4). */
export const POINTER = 0xc0;

/** Letters A to Z to small ones, every other octet to itself (RFC 4343 §3). */
export const LOWER: Uint8Array = new Uint8Array(256).map((_, octet) =>
  octet >= 65 && octet <= 90 ? octet + 32 : octet,
);

/** The offset behind the name at `from`, or −1 when it does not end before `end`. Pointers end a name. */
export function skipName(message: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const length = message[at];
    if (length === 0) return at + 1;
    if (length >= POINTER) return at + 2 <= end ? at + 2 : -1;
    // RFC 6891 §5: the label types 01 and 10 are not in use.
    if (length > MAX_LABEL_LENGTH) return -1;
    at += 1 + length;
  }
  return -1;
}

/**
 * Octets of the name at `from` with its pointers followed, or −1 when it is malformed: cut short at
 * `end`, longer than 255 octets, or with a pointer that does not lead to an earlier place.
 */
export function expandedNameLength(message: Uint8Array, from: number, end: number): number {
  let at = from;
  let segmentStart = from;
  let total = 0;
  while (at < end) {
    const length = message[at];
    if (length === 0) return total + 1;
    if (length >= POINTER) {
      if (at + 1 >= end) return -1;
      // RFC 1035 §4.1.4: "a pointer to a prior occurance of the same name". Each jump goes further
      // to the front, so no name is a loop.
      at = ((length & 0x3f) << 8) | message[at + 1];
      if (at >= segmentStart || at < HEADER_LENGTH) return -1;
      segmentStart = at;
      continue;
    }
    total += 1 + length;
    if (length > MAX_LABEL_LENGTH || total >= MAX_NAME_LENGTH) return -1;
    at += 1 + length;
  }
  return -1;
}

/**
 * Writes the name at `from` to `target[to…]` with its pointers followed, letter case kept.
 * `expandedNameLength` must have accepted it. Returns the offset behind what it wrote.
 */
export function expandName(
  message: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
): number {
  let at = from;
  let out = to;
  for (;;) {
    const length = message[at];
    if (length >= POINTER) {
      at = ((length & 0x3f) << 8) | message[at + 1];
      continue;
    }
    const next = at + 1 + length;
    while (at < next) target[out++] = message[at++];
    if (length === 0) return out;
  }
}

/** Whether two uncompressed names are the same one, letter case ignored (RFC 4343 §3). */
export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // A length octet is below 64, so it is no letter and stays itself.
  for (let i = 0; i < a.length; i++) if (LOWER[a[i]] !== LOWER[b[i]]) return false;
  return true;
}

/**
 * The name at `from` in presentation form, letter case kept, with its last dot; `.` for the root.
 * Octets outside printable ASCII become `\DDD`, dots and special characters within a label `\.`.
 * Follows compression pointers. Returns `''` for a name that is malformed.
 */
export function nameToText(message: Uint8Array, from: number): string {
  if (expandedNameLength(message, from, message.length) < 0) return '';
  let text = '';
  let at = from;
  for (;;) {
    const length = message[at];
    if (length === 0) return text === '' ? '.' : text;
    if (length >= POINTER) {
      at = ((length & 0x3f) << 8) | message[at + 1];
      continue;
    }
    for (let i = at + 1; i <= at + length; i++) text += escapeOctet(message[i]);
    text += '.';
    at += 1 + length;
  }
}

/**
 * The wire form of a name in presentation form, last dot optional; null when the text is empty, a
 * label is empty or longer than 63 octets, the name longer than 255, or an escape incomplete.
 * Understands `\.` and `\DDD`; other text counts as UTF-8 octets.
 */
export function nameFromText(text: string): Buffer | null {
  if (text === '.') return Buffer.from([0]);
  const octets = Buffer.from(text);
  const wire: number[] = [];
  let label: number[] = [];
  for (let at = 0; at < octets.length; ) {
    if (octets[at] === DOT) {
      if (!appendLabel(wire, label)) return null;
      label = [];
      at++;
      continue;
    }
    const character = readCharacter(octets, at);
    if (character === null) return null;
    label.push(character.octet);
    at += character.length;
  }
  if (label.length > 0 && !appendLabel(wire, label)) return null;
  if (wire.length === 0 || wire.length >= MAX_NAME_LENGTH) return null;
  return Buffer.from([...wire, 0]);
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Appends a label with its length. False when it is empty or too long. */
function appendLabel(wire: number[], label: readonly number[]): boolean {
  if (label.length === 0 || label.length > MAX_LABEL_LENGTH) return false;
  wire.push(label.length, ...label);
  return true;
}

/** One octet in presentation form. */
function escapeOctet(octet: number): string {
  if (octet < 0x21 || octet > 0x7e) return `\\${String(octet).padStart(3, '0')}`;
  const character = String.fromCharCode(octet);
  return '.\\"();@$'.includes(character) ? `\\${character}` : character;
}

/** One octet of text and how many it takes: itself, `\DDD` or `\X`. Null: an incomplete escape. */
export function readCharacter(text: Buffer, at: number): { octet: number; length: number } | null {
  if (text[at] !== BACKSLASH) return { octet: text[at], length: 1 };
  if (at + 1 >= text.length) return null;
  const next = text[at + 1];
  if (next < 0x30 || next > 0x39) return { octet: next, length: 2 };
  const digits = text.toString('latin1', at + 1, at + 4);
  if (!/^\d{3}$/.test(digits) || Number(digits) > 255) return null;
  return { octet: Number(digits), length: 4 };
}
