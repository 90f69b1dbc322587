/**
 * `nsid [DATA…]`: says which server has answered, to clients that ask for it (RFC 5001).
 *
 * Stored answers have to pass here, too, so the short cut for hits is given up.
 */
import { hostname } from 'node:os';
import { unknownOption } from '../config/values.ts';
import type { Answer } from '../dns/answer.ts';
import { type EdnsOption, optionsOf, readOptions, writeOptions } from '../dns/edns.ts';
import { writeUint16 } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { OPT_LENGTH } from '../dns/reply.ts';
import type { Directive } from './directive.ts';
import type { Done, Stage } from './stage.ts';

export interface NsidOptions {
  readonly data: string;
}

/** The EDNS option (RFC 5001 §2.3). */
const OPTION_NSID = 3;

export const nsid: Directive<NsidOptions> = {
  name: 'nsid',
  repeatable: false,
  parse([{ args, lines }]) {
    if (lines.length > 0) throw unknownOption('nsid', lines[0].words[0]);
    const words = args.map(({ text }) => text);
    return Object.freeze({ data: words.length === 0 ? hostname() : words.join(' ') });
  },
  stage({ data }, context, next) {
    context.declineHitPath();
    return new NameServer({ code: OPTION_NSID, data: Buffer.from(data) }, next);
  },
};

class NameServer implements Stage {
  readonly #option: EdnsOption;
  readonly #next: Stage;

  constructor(option: EdnsOption, next: Stage) {
    this.#option = option;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    if (!asksForName(query)) {
      this.#next.resolve(query, done);
      return;
    }
    query.echo = writeOptions(this.#added(echoed(query)));
    this.#next.resolve(query, (outcome) => {
      if (outcome.answer !== null) this.#name(outcome.answer);
      done(outcome);
    });
  }

  /** An answer with an OPT record of its own, which no cache has taken, is this client's alone. */
  #name(answer: Answer): void {
    if (answer.opt === null) return;
    const options = writeOptions(this.#added(readOptions(answer.opt) ?? []));
    const opt = Buffer.concat([answer.opt.subarray(0, OPT_LENGTH), options]);
    // The length of the data ends an OPT record's fixed part (RFC 6891 §6.1.2).
    writeUint16(opt, OPT_LENGTH - 2, options.length);
    answer.opt = opt;
  }

  #added(options: readonly EdnsOption[]): readonly EdnsOption[] {
    return [...options.filter(({ code }) => code !== OPTION_NSID), this.#option];
  }
}

function asksForName({ wire }: Query): boolean {
  return optionsOf(wire)?.some(({ code }) => code === OPTION_NSID) ?? false;
}

/** What the reply would repeat of the client's options. */
function echoed({ echo }: Query): readonly EdnsOption[] {
  if (echo === null) return [];
  return readOptions(Buffer.concat([Buffer.alloc(OPT_LENGTH), echo])) ?? [];
}
