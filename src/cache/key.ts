/** A cache's key, a question in lower case and an octet of flags (dns/query-view.ts), seen from the outside. */
import type { Answer } from '../dns/answer.ts';
import { HEADER_LENGTH } from '../dns/header.ts';
import { LOWER } from '../dns/name.ts';

/** Octets of type and class, which end a question, and of the flags that end a key. */
const FIXED_LENGTH = 4;
const KEY_FLAGS_LENGTH = 1;

/** Bits of a key's last octet that are in use: DO and CD. */
const KEY_FLAGS = 3;

/** Whether a text that came from elsewhere may be one. */
export function isKey(key: string): boolean {
  return key.length > FIXED_LENGTH && key.charCodeAt(key.length - 1) <= KEY_FLAGS;
}

/** The type asked for. */
export function typeOf(key: string): number {
  const at = key.length - KEY_FLAGS_LENGTH - FIXED_LENGTH;
  return (key.charCodeAt(at) << 8) | key.charCodeAt(at + 1);
}

/** Whether `answer` repeats the question of `key`, the letter case of its name aside. */
export function matchesQuestion(answer: Answer, key: string): boolean {
  const { wire, questionEnd } = answer;
  const length = key.length - KEY_FLAGS_LENGTH;
  if (questionEnd - HEADER_LENGTH !== length) return false;
  for (let i = 0; i < length; i++) {
    const octet = wire[HEADER_LENGTH + i];
    // Types are numbers, though some of them, such as HTTPS (65), look like letters.
    const seen = i < length - FIXED_LENGTH ? LOWER[octet] : octet;
    if (seen !== key.charCodeAt(i)) return false;
  }
  return true;
}
