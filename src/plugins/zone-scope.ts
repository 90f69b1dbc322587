/** The zones that a directive is for, as words of its line say. */
import { readServerKey } from '../config/server-key.ts';
import type { Token } from '../config/token.ts';

/** Where keys without a port are served; only their zones count here. */
const ANY_PORT = 53;

/**
 * Zones in lower case with their last dot, a network standing for its reverse zones; `otherwise`
 * without words. Throws CorefileError.
 */
export function readZones(
  words: readonly Token[],
  otherwise: readonly string[],
): readonly string[] {
  if (words.length === 0) return otherwise;
  return Object.freeze(words.flatMap((word) => readServerKey(word, ANY_PORT)).map(zoneOf));
}

/** What `fallthrough` without zones is for. */
export const EVERYWHERE: readonly string[] = Object.freeze(['.']);

function zoneOf({ zone }: { readonly zone: string }): string {
  return zone;
}
