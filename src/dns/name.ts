/** Domain names between wire and presentation form (RFC 1035 §3.1 and §5.1). */

/** Octets of a whole name at most (RFC 1035 §2.3.4). */
export const MAX_NAME_LENGTH = 255;
const MAX_LABEL_LENGTH = 63;
/** A name of 255 octets has no more pointers than labels; more is a loop. */
const MAX_POINTERS = 127;

/**
 * The name at `from` in presentation form, letter case kept, with its last dot; `.` for the root.
 * Octets outside printable ASCII become `\DDD`, dots and special characters within a label `\.`.
 * Follows compression pointers. Returns `''` for a name that is malformed.
 */
export function nameToText(message: Uint8Array, from: number): string {
  let text = '';
  let at = from;
  for (let pointers = 0; at < message.length; ) {
    const length = message[at];
    if (length === 0) return text === '' ? '.' : text;
    if (length >= 0xc0) {
      if (++pointers > MAX_POINTERS || at + 1 >= message.length) return '';
      at = ((length & 0x3f) << 8) | message[at + 1];
      continue;
    }
    if (length > MAX_LABEL_LENGTH || at + 1 + length > message.length) return '';
    for (let i = at + 1; i <= at + length; i++) text += escapeOctet(message[i]);
    text += '.';
    at += 1 + length;
  }
  return '';
}

/**
 * The wire form of a name in presentation form, last dot optional; null when a label is empty or
 * longer than 63 octets, or the name longer than 255. Understands `\.` and `\DDD`.
 */
export function nameFromText(text: string): Buffer | null {
  const octets: number[] = [];
  let label: number[] = [];
  const absolute = text.endsWith('.') ? text : `${text}.`;
  if (absolute === '.') return Buffer.from([0]);
  for (let i = 0; i < absolute.length; i++) {
    const character = absolute[i];
    if (character === '.') {
      if (label.length === 0 || label.length > MAX_LABEL_LENGTH) return null;
      octets.push(label.length, ...label);
      label = [];
      continue;
    }
    const escaped = character === '\\' ? readEscape(absolute, i + 1) : null;
    label.push(escaped === null ? absolute.charCodeAt(i) & 0xff : escaped.octet);
    if (escaped !== null) i += escaped.length;
  }
  if (label.length > 0 || octets.length + 1 > MAX_NAME_LENGTH) return null;
  return Buffer.from([...octets, 0]);
}

/** One octet in presentation form. */
function escapeOctet(octet: number): string {
  if (octet < 0x21 || octet > 0x7e) return `\\${String(octet).padStart(3, '0')}`;
  const character = String.fromCharCode(octet);
  return '.\\"();@$'.includes(character) ? `\\${character}` : character;
}

/** What stands behind a backslash: three digits or any one character. */
function readEscape(text: string, at: number): { octet: number; length: number } {
  const digits = text.slice(at, at + 3);
  if (/^\d{3}$/.test(digits) && Number(digits) <= 255) return { octet: Number(digits), length: 3 };
  return { octet: text.charCodeAt(at) & 0xff, length: 1 };
}
