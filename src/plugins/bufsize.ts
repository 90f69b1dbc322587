/**
 * `bufsize [SIZE]`: the largest UDP payload that is believed of a client, so that neither our
 * replies nor those of upstreams are fragmented (spec §5.12). Lowers, never raises.
 */
import { checkCount, readInteger, unknownOption } from '../config/values.ts';
import { withEdnsSize } from '../dns/edns.ts';
import type { Query } from '../dns/query.ts';
import type { Directive } from './directive.ts';
import type { Done, Stage } from './stage.ts';

/** Octets. */
const SIZE = { default: 1232, min: 512, max: 4096 };

export interface BufsizeOptions {
  readonly sizeOctets: number;
}

export const bufsize: Directive<BufsizeOptions> = {
  name: 'bufsize',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 1 });
    if (lines.length > 0) throw unknownOption('bufsize', lines[0].words[0]);
    return Object.freeze({
      sizeOctets: args.length === 0 ? SIZE.default : readInteger(args[0], SIZE),
    });
  },
  configure({ sizeOctets }, settings) {
    settings.maxEdnsSize = sizeOctets;
  },
  stage: ({ sizeOctets }, _context, next) => new LowerSize(sizeOctets, next),
};

/** Lowers the size in the message itself, which is what an upstream is sent. */
class LowerSize implements Stage {
  readonly #sizeOctets: number;
  readonly #next: Stage;

  constructor(sizeOctets: number, next: Stage) {
    this.#sizeOctets = sizeOctets;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    // Nobody else holds the message yet, so changing it in place surprises no one.
    if (query.hasOpt) withEdnsSize(query.wire, this.#sizeOctets).copy(query.wire);
    this.#next.resolve(query, done);
  }
}
