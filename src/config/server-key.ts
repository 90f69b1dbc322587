/** The keys of a server block: which zones it serves and on which port (spec §5.1). */
import { CorefileError } from './corefile-error.ts';
import { reverseZones } from './reverse-zone.ts';
import type { Token } from './token.ts';

/** A zone at a port. */
export interface ZoneKey {
  /** Lower case, with its last dot. */
  readonly zone: string;
  readonly port: number;
  /** Where it was written. */
  readonly at: Token;
}

/** Octets of a zone's name at most, as CoreDNS counts them: in presentation form. */
const MAX_ZONE_LENGTH = 255;
const MAX_LABEL_LENGTH = 63;
const MAX_PORT = 65_535;

/**
 * Reads one key: `[dns://]zone[:port]`. A network in CIDR form stands for its reverse zones, so one
 * key may give several. Throws CorefileError `server-key`.
 */
export function readServerKey(key: Token, defaultPort: number): ZoneKey[] {
  const { name, port } = splitPort(withoutScheme(key), key, defaultPort);
  const zones = reverseZones(name) ?? [zoneName(name, key)];
  return zones.map((zone) => ({ zone: zone.endsWith('.') ? zone : `${zone}.`, port, at: key }));
}

/** Takes away `dns://`; other transports need certificates, which node-cache has no directive for. */
function withoutScheme(key: Token): string {
  const match = /^([a-z][a-z0-9+]*):\/\//i.exec(key.text);
  if (match === null) return key.text;
  if (match[1].toLowerCase() === 'dns') return key.text.slice(match[0].length);
  throw new CorefileError('server-key', `"${key.text}": only dns:// is served here`, key);
}

/** What stands behind the last colon is a port when it consists of digits; else there is none. */
function splitPort(text: string, key: Token, defaultPort: number): { name: string; port: number } {
  const colon = text.lastIndexOf(':');
  if (colon === text.length - 1 && colon >= 0) {
    throw new CorefileError('server-key', `"${key.text}": expecting data after last colon`, key);
  }
  const digits = text.slice(colon + 1);
  if (colon < 0 || !/^\d+$/.test(digits)) return { name: text, port: defaultPort };
  const port = Number(digits);
  if (port > MAX_PORT) {
    throw new CorefileError('server-key', `"${key.text}": port ${digits} is over ${MAX_PORT}`, key);
  }
  return { name: text.slice(0, colon), port };
}

/** The name in lower case; the empty name is the root. */
function zoneName(name: string, key: Token): string {
  if (name === '' || name === '.') return '.';
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
  const isName =
    name.length <= MAX_ZONE_LENGTH &&
    labels.every((label) => label.length >= 1 && label.length <= MAX_LABEL_LENGTH) &&
    !/[\s{}()"\\:]/.test(name);
  if (isName) return name.toLowerCase();
  throw new CorefileError('server-key', `"${key.text}" is not a valid domain name`, key);
}
