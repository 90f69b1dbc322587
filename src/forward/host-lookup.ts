/** Finds the addresses of upstreams that are known by name (`forward` with a host name). */

import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { parseResolvConf, usableServers } from './resolv-conf.ts';

/** What is known of a name now. */
export interface HostAddresses {
  /** Null: nobody could tell; empty: it has none. */
  readonly ipv4: readonly string[] | null;
  readonly ipv6: readonly string[] | null;
  /** How long that holds: the smallest TTL, 0 without addresses. */
  readonly ttlSeconds: number;
  /** Why nobody could tell; '' when somebody could. */
  readonly problem: string;
}

/** Asks for addresses; a test puts a scripted one in its place. */
export interface HostLookup {
  /** Never rejects. Takes a few seconds at most. */
  lookUp(name: string): Promise<HostAddresses>;
}

const SYSTEM_LIST = '/etc/resolv.conf';
/** For each server and try, which get longer. */
const TIMEOUT_MS = 1000;
const TRIES = 2;
/** For everything, however many servers there are. */
const DEADLINE_MS = 5000;
/** What c-ares says of a name that does not exist, or has no address of that family. */
const DENIALS: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

/** Asks name servers. A name is taken as it is, without the search list of a resolv.conf. */
export class DnsHostLookup implements HostLookup {
  readonly #servers: () => readonly string[];

  /** @param servers gives those to ask, in this order: `ip`, `ip:port` or `[ipv6]:port` */
  constructor(servers: () => readonly string[]) {
    this.#servers = servers;
  }

  async lookUp(name: string): Promise<HostAddresses> {
    const servers = this.#servers();
    if (servers.length === 0) return unknown('there is no name server to ask');
    // One for each look-up: so none answers from a memory of its own.
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    resolver.setServers(servers);
    const timer = setTimeout(() => resolver.cancel(), DEADLINE_MS).unref();
    const [ipv4, ipv6] = await Promise.all([
      outcome(resolver.resolve4(name, { ttl: true })),
      outcome(resolver.resolve6(name, { ttl: true })),
    ]);
    clearTimeout(timer);
    const ttls = [...ipv4.records, ...ipv6.records].map(({ ttl }) => ttl);
    return {
      ipv4: addressesOf(ipv4),
      ipv6: addressesOf(ipv6),
      ttlSeconds: ttls.length === 0 ? 0 : Math.min(...ttls),
      problem: ipv4.problem || ipv6.problem,
    };
  }
}

/** The servers of the system, without those that lead back here. */
export function systemServers(isOwn: (address: string) => boolean): readonly string[] {
  try {
    const { servers } = parseResolvConf(readFileSync(SYSTEM_LIST, 'utf8'));
    return usableServers(servers, isOwn).servers;
  } catch {
    // Without the file there is nobody to ask, which the caller reports.
    return [];
  }
}

interface Outcome {
  readonly records: readonly { readonly address: string; readonly ttl: number }[];
  readonly problem: string;
}

async function outcome(answer: Promise<Outcome['records']>): Promise<Outcome> {
  try {
    return { records: await answer, problem: '' };
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    return { records: [], problem: DENIALS.has(code) ? '' : code };
  }
}

function addressesOf({ records, problem }: Outcome): readonly string[] | null {
  return problem === '' ? records.map(({ address }) => address) : null;
}

function unknown(problem: string): HostAddresses {
  return { ipv4: null, ipv6: null, ttlSeconds: 0, problem };
}
