/**
 * `chaos [VERSION] [AUTHORS…]`: answers the questions in class CH by which servers are told apart
 * (RFC 4892): version.bind, version.server, authors.bind, hostname.bind, id.server.
 *
 * It keeps the short cut for hits: what is answered here never comes to be stored.
 */
import { hostname } from 'node:os';
import type { Token } from '../config/token.ts';
import { unknownOption } from '../config/values.ts';
import type { ResourceRecord } from '../dns/message.ts';
import type { Query } from '../dns/query.ts';
import { classNumber } from '../dns/rcode.ts';
import { respond } from '../dns/synthesis.ts';
import { TYPE_TXT } from '../dns/type.ts';
import { VERSION } from '../metrics/version.ts';
import type { Directive } from './directive.ts';
import { answered, type Done, type Stage } from './stage.ts';

export interface ChaosOptions {
  readonly version: string;
  readonly authors: readonly string[];
}

const CLASS_CH = classNumber('CH');
/** Octets of one string of a TXT record at most (RFC 1035 §3.3). */
const MAX_STRING_LENGTH = 255;

export const chaos: Directive<ChaosOptions> = {
  name: 'chaos',
  repeatable: false,
  parse([{ args, lines }]) {
    if (lines.length > 0) throw unknownOption('chaos', lines[0].words[0]);
    const [version, ...authors]: readonly (Token | undefined)[] = args;
    return Object.freeze({
      version: version?.text ?? `nodelocaldns-${VERSION}`,
      authors: [...new Set(authors.flatMap((word) => word?.text ?? []))].sort(),
    });
  },
  stage: (options, _context, next) => new ServerIdentity(options, next),
};

class ServerIdentity implements Stage {
  /** Texts by name. BOUNDED by the names above. */
  readonly #texts: ReadonlyMap<string, readonly string[]>;
  readonly #next: Stage;

  constructor({ version, authors }: ChaosOptions, next: Stage) {
    this.#texts = new Map([
      ['version.bind.', [version]],
      ['version.server.', [version]],
      ['authors.bind.', authors],
      ['hostname.bind.', [hostname()]],
      ['id.server.', [hostname()]],
    ]);
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const isOurs = query.qclass === CLASS_CH && query.qtype === TYPE_TXT;
    const texts = isOurs ? this.#texts.get(query.name) : undefined;
    if (texts === undefined) this.#next.resolve(query, done);
    else {
      const answers = texts.map((text) => textRecord(query, text));
      done(answered(respond(query, { answers }), 'chaos'));
    }
  }
}

function textRecord(query: Query, text: string): ResourceRecord {
  const octets = Buffer.from(text).subarray(0, MAX_STRING_LENGTH);
  const rdata = Buffer.concat([Buffer.from([octets.length]), octets]);
  return { name: query.wireName, type: TYPE_TXT, class: query.qclass, ttlSeconds: 0, rdata };
}
