/**
 * Reads the TO words of `forward`: addresses, files in the form of resolv.conf (spec §5.4), or host
 * names (spec, Appendix A).
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { textVersion } from '../config/watch.ts';
import { nameFromText } from '../dns/name.ts';
import { parseResolvConf, type ResolvConf } from '../forward/resolv-conf.ts';

/** One upstream by its address. */
export interface AddressTarget {
  readonly kind: 'address';
  readonly address: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The name behind `%` for this upstream's certificate; '' without. */
  readonly serverName: string;
}

/** Upstreams by a list that the node keeps. */
export interface FileTarget {
  readonly kind: 'file';
  readonly path: string;
  /** What the file said when the Corefile was read. */
  readonly conf: ResolvConf;
  /** Of the file's text, as `contentVersion` has it. */
  readonly version: string;
}

/** Upstreams by a host name: each of its addresses is one. */
export interface HostTarget {
  readonly kind: 'host';
  /** Without last dot. */
  readonly name: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The name behind `%` for their certificates; '' without. */
  readonly serverName: string;
}

export type Target = AddressTarget | FileTarget | HostTarget;

const DNS_PORT = 53;
const TLS_PORT = 853;
const MAX_PORT = 65_535;
/** An address of IPv4 or a name, `%name`, port. */
const NAME_AND_PORT = /^([^%:]*)(?:%([^:]+))?(?::(\d+))?$/;
/** One label of a host name; services have underscores. */
const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?';
/**
 * A name of several labels, or with its last dot: a single word is more likely a typing error. What
 * ends in a number is an address that went wrong.
 */
const HOST_NAME = new RegExp(`^(?!.*(?:^|\\.)\\d+\\.?$)(?:${LABEL}\\.)+(?:${LABEL})?$`);

/** Reads one TO. Throws CorefileError. */
export function readTarget(word: Token): Target {
  const [, scheme = 'dns', rest] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(word.text) ?? [];
  if (scheme !== 'dns' && scheme !== 'tls') {
    const message = `'${scheme}' is not supported as a destination protocol in forward: ${word.text}`;
    throw new CorefileError('argument-value', message, word);
  }
  const isTls = scheme === 'tls';
  const address = readAddress(rest, isTls, word);
  if (address !== null) return address;
  const file = readFile(rest, word);
  return file instanceof Error ? readHost(rest, isTls, word, file) : file;
}

/** `IP`, `IP:port`, `[IPv6]:port`, each with `%name` behind the address; null when it is none. */
function readAddress(text: string, isTls: boolean, word: Token): AddressTarget | null {
  const bracketed = /^\[([^\]]*)\](?:%([^:]+))?(?::(\d+))?$/.exec(text);
  const bare = /^([^%]*)(?:%(.+))?$/.exec(text);
  const parts = bracketed ?? (isIP(bare?.[1] ?? '') === 6 ? bare : NAME_AND_PORT.exec(text));
  if (parts === null) return null;
  const [, inner, name = '', digits] = parts;
  const [address, zone = ''] = inner.split('%');
  if (isIP(address) === 0) return null;
  const port = portOf(digits, isTls, word);
  return Object.freeze({ kind: 'address', address, port, isTls, serverName: name || zone });
}

/** What the file says; the error when it cannot be read. */
function readFile(path: string, word: Token): FileTarget | Error {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return error as Error;
  }
  const conf = parseResolvConf(text);
  if (conf.servers.length === 0) {
    throw new CorefileError('file', `"${path}": no nameservers found`, word);
  }
  return Object.freeze({ kind: 'file', path, conf, version: textVersion(text) });
}

/** `NAME` or `NAME:port`, with `%name` behind it. */
function readHost(text: string, isTls: boolean, word: Token, cause: Error): HostTarget {
  const [, name = '', serverName = '', digits] = NAME_AND_PORT.exec(text) ?? [];
  if (!HOST_NAME.test(name) || nameFromText(name) === null) {
    const message = `not an IP address, file or host name: "${word.text}"`;
    throw new CorefileError('argument-value', message, word, cause);
  }
  const port = portOf(digits, isTls, word);
  return Object.freeze({ kind: 'host', name: name.replace(/\.$/, ''), port, isTls, serverName });
}

function portOf(digits: string | undefined, isTls: boolean, word: Token): number {
  const port = digits === undefined ? (isTls ? TLS_PORT : DNS_PORT) : Number(digits);
  if (port >= 1 && port <= MAX_PORT) return port;
  throw new CorefileError('argument-value', `"${word.text}": port ${digits} is no port`, word);
}
