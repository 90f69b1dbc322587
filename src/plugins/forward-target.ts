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
  /** Of `https://`; absent for other schemes. */
  readonly path?: string;
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
  /** Of `https://`; absent for other schemes. */
  readonly path?: string;
}

export type Target = AddressTarget | FileTarget | HostTarget;

const DNS_PORT = 53;
const TLS_PORT = 853;
const HTTPS_PORT = 443;
/** RFC 8484 has servers say where they answer; nearly all do it there. */
const HTTPS_PATH = '/dns-query';
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

/** How upstreams are asked, by what stands before `://`. */
interface Scheme {
  readonly isTls: boolean;
  readonly defaultPort: number;
  readonly path?: string;
}

/** Reads one TO. Throws CorefileError. */
export function readTarget(word: Token): Target {
  const [, name = 'dns', rest] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(word.text) ?? [];
  if (name === 'https') {
    const [, place, path = HTTPS_PATH] = /^([^/]*)(\/.*)?$/.exec(rest) ?? [];
    const scheme = { isTls: true, defaultPort: HTTPS_PORT, path };
    return readAddress(place, scheme, word) ?? readHost(place, scheme, word);
  }
  if (name !== 'dns' && name !== 'tls') {
    const message = `'${name}' is not supported as a destination protocol in forward: ${word.text}`;
    throw new CorefileError('argument-value', message, word);
  }
  const isTls = name === 'tls';
  const scheme = { isTls, defaultPort: isTls ? TLS_PORT : DNS_PORT };
  const address = readAddress(rest, scheme, word);
  if (address !== null) return address;
  const file = readFile(rest, word);
  return file instanceof Error ? readHost(rest, scheme, word, file) : file;
}

/** `IP`, `IP:port`, `[IPv6]:port`, each with `%name` behind the address; null when it is none. */
function readAddress(text: string, scheme: Scheme, word: Token): AddressTarget | null {
  const bracketed = /^\[([^\]]*)\](?:%([^:]+))?(?::(\d+))?$/.exec(text);
  const bare = /^([^%]*)(?:%(.+))?$/.exec(text);
  const parts = bracketed ?? (isIP(bare?.[1] ?? '') === 6 ? bare : NAME_AND_PORT.exec(text));
  if (parts === null) return null;
  const [, inner, name = '', digits] = parts;
  const [address, zone = ''] = inner.split('%');
  if (isIP(address) === 0) return null;
  return { kind: 'address', address, ...wayTo(scheme, digits, word), serverName: name || zone };
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
  return { kind: 'file', path, conf, version: textVersion(text) };
}

/** `NAME` or `NAME:port`, with `%name` behind it. */
function readHost(text: string, scheme: Scheme, word: Token, cause?: Error): HostTarget {
  const [, name = '', serverName = '', digits] = NAME_AND_PORT.exec(text) ?? [];
  if (!HOST_NAME.test(name) || nameFromText(name) === null) {
    const message = `not an IP address, file or host name: "${word.text}"`;
    throw new CorefileError('argument-value', message, word, cause);
  }
  const way = wayTo(scheme, digits, word);
  return { kind: 'host', name: name.replace(/\.$/, ''), ...way, serverName };
}

function wayTo({ isTls, defaultPort, path }: Scheme, digits: string | undefined, word: Token) {
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port >= 1 && port <= MAX_PORT) {
    return { port, isTls, ...(path === undefined ? {} : { path }) };
  }
  throw new CorefileError('argument-value', `"${word.text}": port ${digits} is no port`, word);
}
