/**
 * `local`: answers what is about this machine alone (RFC 6303 §4, RFC 6761 §6.3), so that it never
 * leaves it: localhost and the names below, and the reverse zones of 0, 127 and 255.
 *
 *   local {
 *       localhost_prefix on|off      also localhost.<any domain>, which search paths make; on by default
 *   }
 *
 * It keeps the short cut for hits: what is answered here never comes to be stored.
 */
import { ZoneSet } from '../cache/zone-set.ts';
import { CorefileError } from '../config/corefile-error.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import type { Answer } from '../dns/answer.ts';
import { CLASS_IN, RCODE_NOERROR, RCODE_NXDOMAIN } from '../dns/header.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { nameFromText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { parseRecord } from '../dns/record-text.ts';
import { respond } from '../dns/synthesis.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { Directive } from './directive.ts';
import { answered, type Done, type Stage } from './stage.ts';

export interface LocalOptions {
  readonly localhostPrefix: boolean;
}

export const local: Directive<LocalOptions> = {
  name: 'local',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    let localhostPrefix = true;
    for (const { words } of lines) {
      const [option, ...values] = words;
      if (option.text !== 'localhost_prefix') throw unknownOption('local', option);
      checkCount(option, values, { min: 1, max: 1 });
      const [value] = values;
      if (value.text !== 'on' && value.text !== 'off') {
        const message = `localhost_prefix expects "on" or "off", got "${value.text}"`;
        throw new CorefileError('argument-value', message, value);
      }
      localhostPrefix = value.text === 'on';
    }
    return Object.freeze({ localhostPrefix });
  },
  stage: ({ localhostPrefix }, { catalogue }, next) =>
    new LocalNames(localhostPrefix, localhostRequests(catalogue), next),
};

const LOCALHOST = 'localhost.';
const REVERSE_ZONES = ['0.in-addr.arpa.', '127.in-addr.arpa.', '255.in-addr.arpa.'];
const ZONES = new ZoneSet([LOCALHOST, ...REVERSE_ZONES]);
/** The first label of a name, as it stands in a key. */
const LOCALHOST_LABEL = '\x09localhost';

/** What is answered. */
interface LocalRecords {
  /** The addresses of the loopback interface: what names below localhost have. */
  readonly loopback: readonly ResourceRecord[];
  /** What denies everything else; the owner is put in later. */
  readonly soa: ResourceRecord;
  /** The names that have other records, lower case. Owners are put in later. */
  readonly byName: ReadonlyMap<string, readonly ResourceRecord[]>;
}

function localRecords(): LocalRecords {
  const a = parseRecord('localhost. 604800 IN A 127.0.0.1');
  const aaaa = parseRecord('localhost. 604800 IN AAAA ::1');
  const ns = parseRecord('localhost. 604800 IN NS localhost.');
  const ptr = parseRecord('localhost. 604800 IN PTR localhost.');
  const soa = parseRecord('localhost. 604800 IN SOA localhost. root.localhost. 1 0 0 0 604800');
  const byName = new Map<string, readonly ResourceRecord[]>([
    [LOCALHOST, [a, aaaa, ns, soa]],
    ...REVERSE_ZONES.map((zone): [string, ResourceRecord[]] => [zone, [ns, soa]]),
    ['1.0.0.127.in-addr.arpa.', [ptr]],
  ]);
  return { loopback: [a, aaaa], soa, byName };
}

/** Queries for names made of localhost and something more. */
interface Requests {
  count: number;
}

class LocalNames implements Stage {
  readonly #records = localRecords();
  readonly #localhostPrefix: boolean;
  readonly #requests: Requests;
  readonly #next: Stage;

  constructor(localhostPrefix: boolean, requests: Requests, next: Stage) {
    this.#localhostPrefix = localhostPrefix;
    this.#requests = requests;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const zone = this.#zoneOf(query);
    if (zone === null) {
      this.#next.resolve(query, done);
      return;
    }
    const isReverse = REVERSE_ZONES.includes(zone);
    const { byName, loopback } = this.#records;
    const records = byName.get(query.name) ?? (isReverse ? null : loopback);
    if (records === loopback) this.#requests.count++;
    done(answered(this.#answerWith(query, zone, records), 'local'));
  }

  /** The zone of ours that holds the name; null when none does. */
  #zoneOf({ key, name, qclass }: Query): string | null {
    if (qclass !== CLASS_IN) return null;
    const zone = ZONES.find(key);
    if (zone !== null) return zone;
    return this.#localhostPrefix && key.startsWith(LOCALHOST_LABEL) ? name : null;
  }

  /** The records of the type asked for, else what denies them. `records` null: no such name. */
  #answerWith(query: Query, zone: string, records: readonly ResourceRecord[] | null): Answer {
    const { soa } = this.#records;
    const answers = (records ?? [])
      .filter(({ type }) => type === query.qtype)
      .map((record) => ({ ...record, name: query.wireName }));
    if (answers.length > 0) return respond(query, { answers });
    const authorities = [{ ...soa, name: nameFromText(zone) ?? soa.name }];
    return respond(query, {
      rcode: records === null ? RCODE_NXDOMAIN : RCODE_NOERROR,
      authorities,
    });
  }
}

/** The count, for good. */
function localhostRequests(catalogue: Catalogue): Requests {
  return catalogue.lasting('local', () => {
    const requests = { count: 0 };
    catalogue.source('coredns_local_localhost_requests_total', (emit) => emit({}, requests.count));
    return requests;
  });
}
