/** Reads the TO words of `forward`: addresses, or files in the form of resolv.conf (spec §5.4). */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { textVersion } from '../config/watch.ts';
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

export type Target = AddressTarget | FileTarget;

const DNS_PORT = 53;
const TLS_PORT = 853;
const MAX_PORT = 65_535;

/** Reads one TO. Throws CorefileError. */
export function readTarget(word: Token): Target {
  const [, scheme = 'dns', rest] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(word.text) ?? [];
  if (scheme !== 'dns' && scheme !== 'tls') {
    const message = `'${scheme}' is not supported as a destination protocol in forward: ${word.text}`;
    throw new CorefileError('argument-value', message, word);
  }
  const isTls = scheme === 'tls';
  return readAddress(rest, isTls, word) ?? readFile(rest, word);
}

/** `IP`, `IP:port`, `[IPv6]:port`, each with `%name` behind the address; null when it is none. */
function readAddress(text: string, isTls: boolean, word: Token): AddressTarget | null {
  const bracketed = /^\[([^\]]*)\](?:%([^:]+))?(?::(\d+))?$/.exec(text);
  const plain = /^([^%:]*)(?:%([^:]+))?(?::(\d+))?$/.exec(text);
  const bare = /^([^%]*)(?:%(.+))?$/.exec(text);
  const parts = bracketed ?? (isIP(bare?.[1] ?? '') === 6 ? bare : plain);
  if (parts === null) return null;
  const [, inner, name = '', digits] = parts;
  const [address, zone = ''] = inner.split('%');
  if (isIP(address) === 0) {
    if (digits === undefined) return null;
    throw new CorefileError('argument-value', `not an IP address: "${inner}"`, word);
  }
  const port = digits === undefined ? (isTls ? TLS_PORT : DNS_PORT) : Number(digits);
  if (port < 1 || port > MAX_PORT) {
    throw new CorefileError('argument-value', `"${word.text}": port ${digits} is no port`, word);
  }
  return Object.freeze({ kind: 'address', address, port, isTls, serverName: name || zone });
}

function readFile(path: string, word: Token): FileTarget {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CorefileError(
      'argument-value',
      `not an IP address or file: "${word.text}"`,
      word,
      cause,
    );
  }
  const conf = parseResolvConf(text);
  if (conf.servers.length === 0) {
    throw new CorefileError('file', `"${path}": no nameservers found`, word);
  }
  return Object.freeze({ kind: 'file', path, conf, version: textVersion(text) });
}
