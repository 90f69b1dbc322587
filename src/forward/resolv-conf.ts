/** Reads resolv.conf(5): the servers, and those options that mean something to a forwarder. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** Where systemd-resolved keeps the servers that it asks itself. */
export const RESOLVED_LIST = '/run/systemd/resolve/resolv.conf';

const MAX_TIMEOUT_SECONDS = 30;
const MAX_ATTEMPTS = 5;

/** What a resolv.conf says. */
export interface ResolvConf {
  /** Addresses without scope, in the order of the file. */
  readonly servers: readonly string[];
  /** Domains of the last `search` or `domain` line. */
  readonly search: readonly string[];
  /** `options timeout:n` in seconds, null when not given. */
  readonly timeoutSeconds: number | null;
  /** `options attempts:n`, null when not given. */
  readonly attempts: number | null;
  /** `options rotate`. */
  readonly rotate: boolean;
}

/** Understands the text of a resolv.conf; what it does not know it passes over. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let options: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    // resolv.conf(5): "Lines that contain a semicolon (;) or hash character (#) in the first
    // column are treated as comments."
    if (/^[;#]/.test(line)) continue;
    const [keyword, ...words] = line.trim().split(/\s+/);
    // Spec §5.4: scope ids (`%eth0`) are stripped.
    const address = (words[0] ?? '').replace(/%.*$/, '');
    if (keyword === 'nameserver' && isIP(address) !== 0) servers.push(address);
    // resolv.conf(5): "The domain directive is an obsolete name for the search directive".
    if (keyword === 'search' || keyword === 'domain') search = words;
    if (keyword === 'options') options = [...options, ...words];
  }
  return {
    servers,
    search,
    timeoutSeconds: numberOption(options, 'timeout', MAX_TIMEOUT_SECONDS),
    attempts: numberOption(options, 'attempts', MAX_ATTEMPTS),
    rotate: options.includes('rotate'),
  };
}

/** A list that may be forwarded to. */
export interface ServerList {
  readonly servers: readonly string[];
  /** Servers of the list given that lead back to this machine, and so are left out. */
  readonly omitted: readonly string[];
  /** True when all were left out and the list is systemd-resolved's own; it may be empty. */
  readonly isResolvedList: boolean;
}

/**
 * `all` without those that are ourselves or systemd-resolved's stub, which asks the servers it knows
 * by way of us. When none is left, the servers that systemd-resolved knows.
 *
 * @param read gives the text of a file; throws when it cannot
 */
export function usableServers(
  all: readonly string[],
  isOwn: (address: string) => boolean,
  read: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): ServerList {
  const servers = all.filter((address) => !leadsBack(address, isOwn));
  const omitted = all.filter((address) => leadsBack(address, isOwn));
  if (servers.length > 0) return { servers, omitted, isResolvedList: false };
  const known = serversOfResolved(read).filter((address) => !leadsBack(address, isOwn));
  return { servers: known, omitted, isResolvedList: true };
}

function serversOfResolved(read: (path: string) => string): readonly string[] {
  try {
    return parseResolvConf(read(RESOLVED_LIST)).servers;
  } catch {
    // systemd-resolved does not run here: there is no list, which the caller reports.
    return [];
  }
}

function leadsBack(address: string, isOwn: (address: string) => boolean): boolean {
  return address === '127.0.0.53' || address === '127.0.0.54' || isOwn(address);
}

function numberOption(options: readonly string[], name: string, max: number): number | null {
  const option = options.findLast((word) => word.startsWith(`${name}:`));
  const digits = option?.slice(name.length + 1) ?? '';
  return /^\d{1,6}$/.test(digits) ? Math.min(Number(digits), max) : null;
}
