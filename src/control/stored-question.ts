/** What a cache key says, for people. */
import type { Entry } from '../cache/entry.ts';
import { nameToText } from '../dns/name.ts';
import { rcodeName } from '../dns/rcode.ts';
import { typeName } from '../dns/type.ts';
import type { CachedAnswer } from './protocol.ts';

/** Octets of type and class, which follow the name, and of the flags that end a key. */
const FIXED_LENGTH = 4;
const KEY_FLAGS_LENGTH = 1;
const KEY_DO = 1;
const KEY_CD = 2;

/** The name and type of a cache key; lower case, with its last dot. */
export function storedQuestion(key: string): { name: string; type: string } {
  const octets = Buffer.from(key, 'latin1');
  const typeAt = octets.length - KEY_FLAGS_LENGTH - FIXED_LENGTH;
  return { name: nameToText(octets, 0), type: typeName(octets.readUInt16BE(typeAt)) };
}

/** The keys under which answers to the question of `key` may be stored, for every kind of client. */
export function variantsOf(key: string): string[] {
  const question = key.slice(0, -KEY_FLAGS_LENGTH);
  return [0, KEY_DO, KEY_CD, KEY_DO | KEY_CD].map((flags) => question + String.fromCharCode(flags));
}

export function describeEntry(entry: Entry, nowMs: number): CachedAnswer {
  const flags = entry.key.charCodeAt(entry.key.length - 1);
  const remainingSeconds = entry.remainingSeconds(nowMs);
  return {
    rcode: rcodeName(entry.rcode),
    ageSeconds: entry.lifetimeSeconds - remainingSeconds,
    remainingSeconds,
    lifetimeSeconds: entry.lifetimeSeconds,
    dnssecOk: (flags & KEY_DO) !== 0,
    checkingDisabled: (flags & KEY_CD) !== 0,
  };
}
