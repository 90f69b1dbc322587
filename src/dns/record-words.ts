/** The words of a record in text form, and octets written as text (RFC 1035 §5.1). */
import { readCharacter } from './name.ts';
import { RecordTextError } from './record-text-error.ts';

/** One word. Escapes are still in it, quotes are not. */
export interface Word {
  readonly text: string;
  /** Some of it stood in quotes. */
  readonly quoted: boolean;
}

/** Reads words one after the other. */
export class WordReader {
  readonly #words: readonly Word[];
  #next = 0;

  constructor(words: readonly Word[]) {
    this.#words = words;
  }

  get left(): number {
    return this.#words.length - this.#next;
  }

  /** The next word, which stays the next; undefined at the end. */
  peek(): Word | undefined {
    return this.#words[this.#next];
  }

  /** The next word; `what` says what is missing when there is none. */
  take(what: string): string {
    const word = this.#words[this.#next++];
    if (word === undefined) throw new RecordTextError('missing-field', `${what} is missing`);
    return word.text;
  }

  /** All words that are left. */
  takeRest(): Word[] {
    const rest = this.#words.slice(this.#next);
    this.#next = this.#words.length;
    return rest;
  }
}

/**
 * Splits one record into words. `;` starts a comment; parentheses, which in a file join lines, are
 * skipped.
 */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  const pattern = /\s+|;.*|[()]|((?:"(?:[^"\\]|\\.)*"|\\.|[^\s"\\;()])+)/gsy;
  while (pattern.lastIndex < line.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(line);
    if (match === null) {
      throw new RecordTextError('quoting', `"${line.slice(at)}" does not end its quote or escape`);
    }
    const [, word] = match;
    if (word !== undefined) words.push(unquoted(word));
  }
  return words;
}

/** Octets of text with escapes (`\DDD`, `\X`), other characters as UTF-8. */
export function octetsFromText(text: string): Buffer {
  const source = Buffer.from(text);
  const octets: number[] = [];
  for (let at = 0; at < source.length; ) {
    const character = readCharacter(source, at);
    if (character === null) {
      throw new RecordTextError('string', `"${text}" has an escape that is none`);
    }
    octets.push(character.octet);
    at += character.length;
  }
  return Buffer.from(octets);
}

/** Octets as a quoted string, those outside printable ASCII as `\DDD`. */
export function octetsToText(octets: Uint8Array): string {
  let text = '"';
  for (const octet of octets) {
    if (octet < 0x20 || octet > 0x7e) text += `\\${String(octet).padStart(3, '0')}`;
    else
      text +=
        octet === 0x22 || octet === 0x5c
          ? `\\${String.fromCharCode(octet)}`
          : String.fromCharCode(octet);
  }
  return `${text}"`;
}

/** Takes the quotes out of a word; what they protect stays. */
function unquoted(word: string): Word {
  const text = word.replace(/\\.|"/gs, (found) => (found === '"' ? '' : found));
  return { text, quoted: word.includes('"') };
}
