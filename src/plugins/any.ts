/**
 * `any`: answers questions of type ANY with one small record, as RFC 8482 §4.2 has it, so that
 * nobody can use them to have large answers sent to somebody else.
 *
 * It keeps the short cut for hits: what is answered here never comes to be stored.
 */
import { checkCount, unknownOption } from '../config/values.ts';
import { CLASS_IN } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { parseRecord } from '../dns/record-text.ts';
import { respond } from '../dns/synthesis.ts';
import { TYPE_ANY } from '../dns/type.ts';
import type { Directive } from './directive.ts';
import { answered, type Done, type Stage } from './stage.ts';

export const any: Directive<null> = {
  name: 'any',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    if (lines.length > 0) throw unknownOption('any', lines[0].words[0]);
    return null;
  },
  stage: (_options, _context, next) => new RefuseAny(next),
};

/** What CoreDNS says, with the number of the RFC as TTL. */
const RECORD_TEXT = '. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"';

class RefuseAny implements Stage {
  readonly #record = parseRecord(RECORD_TEXT);
  readonly #next: Stage;

  constructor(next: Stage) {
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    if (query.qtype !== TYPE_ANY || query.qclass !== CLASS_IN) {
      this.#next.resolve(query, done);
      return;
    }
    const answers = [{ ...this.#record, name: query.wireName }];
    done(answered(respond(query, { answers }), 'any'));
  }
}
