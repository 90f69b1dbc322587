/**
 * The kube-dns ConfigMap: stub domains and upstream name servers for the whole cluster (spec §3.3).
 */
import { isIP } from 'node:net';

/** Valid and frozen; without a ConfigMap both lists are empty. */
export interface KubeDnsConfig {
  /** Sorted by domain, so that equal contents give equal Corefiles. BOUNDED by the ConfigMap's 1 MiB. */
  readonly stubDomains: readonly StubDomain[];
  /** `ip` or `ip:port`; at most three. */
  readonly upstreamServers: readonly string[];
}

/** A domain with name servers of its own. */
export interface StubDomain {
  /** Lower case, without last dot. */
  readonly domain: string;
  /** `ip`, `ip:port` or `[ipv6]:port`; 1 to 15. */
  readonly servers: readonly string[];
}

/** What holds when there is no ConfigMap. */
export const EMPTY_KUBE_DNS_CONFIG: KubeDnsConfig = Object.freeze({
  stubDomains: Object.freeze([]),
  upstreamServers: Object.freeze([]),
});

/** As in kube-dns. */
const MAX_UPSTREAM_SERVERS = 3;
/** As many as `forward` takes. */
const MAX_STUB_SERVERS = 15;
const MAX_DOMAIN_LENGTH = 253;

/**
 * Reads the keys of the ConfigMap; keys of no concern are ignored. Throws KubeDnsConfigError.
 *
 * @param files contents by file name, as the ConfigMap is mounted
 */
export function readKubeDnsConfig(files: ReadonlyMap<string, string>): KubeDnsConfig {
  return Object.freeze({
    stubDomains: Object.freeze(readStubDomains(files.get('stubDomains'))),
    upstreamServers: Object.freeze(readUpstreamServers(files.get('upstreamNameservers'))),
  });
}

function readStubDomains(text: string | undefined): StubDomain[] {
  if (text === undefined) return [];
  const value = parseJson('stubDomains', text);
  // Go reads null as an empty map, and as an empty list below.
  if (value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new KubeDnsConfigError('json', 'stubDomains is not an object of domains');
  }
  // Of two equal keys JSON.parse keeps the last one, and nobody would know.
  const twice = firstRepeated(topLevelKeys(text));
  if (twice !== undefined) {
    throw new KubeDnsConfigError('duplicate', `stubDomains: "${twice}" is there twice`);
  }
  return Object.entries(value)
    .map(([domain, servers]) => readStubDomain(domain, servers))
    .sort((a, b) => (a.domain < b.domain ? -1 : 1));
}

function readStubDomain(domain: string, value: unknown): StubDomain {
  if (!isSubdomain(domain)) {
    throw new KubeDnsConfigError('domain', `stubDomains: "${domain}" is not a domain name`);
  }
  const servers = readServers(`stubDomains: ${domain}`, value, MAX_STUB_SERVERS);
  if (servers.length === 0) {
    throw new KubeDnsConfigError('count', `stubDomains: ${domain}: no server is given`);
  }
  return Object.freeze({ domain, servers: Object.freeze(servers) });
}

function readUpstreamServers(text: string | undefined): string[] {
  if (text === undefined) return [];
  const value = parseJson('upstreamNameservers', text);
  if (value === null) return [];
  return readServers('upstreamNameservers', value, MAX_UPSTREAM_SERVERS);
}

function readServers(where: string, value: unknown, max: number): string[] {
  if (!Array.isArray(value))
    throw new KubeDnsConfigError('json', `${where}: not a list of servers`);
  if (value.length > max) {
    throw new KubeDnsConfigError('count', `${where}: ${value.length} servers, at most ${max}`);
  }
  const servers = value.map((server: unknown) => {
    if (typeof server === 'string' && isServer(server)) return server;
    const text = JSON.stringify(server);
    throw new KubeDnsConfigError('server', `${where}: ${text} is not an IP address, port optional`);
  });
  const twice = firstRepeated(servers.map(canonical));
  if (twice === undefined) return servers;
  throw new KubeDnsConfigError('duplicate', `${where}: ${twice} is there twice`);
}

/** `ip`, `ip:port` or `[ipv6]:port`. A name would have to be resolved by the cache itself. */
function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) return false;
  const port = Number(match[3]);
  const family = match[1] === undefined ? isIP(match[2]) === 4 : isIP(match[1]) === 6;
  return family && port >= 1 && port <= 65_535;
}

/** One spelling for each server, its port included. */
function canonical(server: string): string {
  const hasPort = isIP(server) === 0;
  const [, address, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(hasPort ? server : `${server}:53`) ?? [];
  const { hostname } = new URL(`http://${isIP(address) === 6 ? `[${address}]` : address}`);
  return `${hostname}:${Number(port)}`;
}

function firstRepeated(words: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return words.find((word) => seen.size === seen.add(word).size);
}

/** The keys of a valid JSON object, as often as they are there. */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (const [sign, key] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (sign === '{' || sign === '[') depth++;
    else if (sign === '}' || sign === ']') depth--;
    else if (key !== undefined && depth === 1) keys.push(JSON.parse(key));
  }
  return keys;
}

/** RFC 1123 names in lower case, as Kubernetes checks them. */
function isSubdomain(text: string): boolean {
  const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
  return text.length <= MAX_DOMAIN_LENGTH && new RegExp(`^${label}(\\.${label})*$`).test(text);
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeDnsConfigError('json', `${key}: ${String(cause)}`, cause);
  }
}

/** Why the ConfigMap was refused. */
export type KubeDnsConfigErrorCode =
  | 'json'
  | 'domain'
  | 'server'
  | 'count'
  | 'duplicate'
  | 'duplicate-zone';

/** A fault in the kube-dns ConfigMap. */
export class KubeDnsConfigError extends Error {
  readonly code: KubeDnsConfigErrorCode;

  constructor(code: KubeDnsConfigErrorCode, message: string, cause?: unknown) {
    super(`kube-dns ConfigMap: ${message}`, cause === undefined ? {} : { cause });
    this.name = 'KubeDnsConfigError';
    this.code = code;
  }
}
