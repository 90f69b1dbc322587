/**
 * `header`: sets and clears flags of messages.
 *
 *   header {
 *       [query|response] set|clear FLAG…      FLAG: aa, ra or rd; response by default
 *   }
 *
 * It stands behind the cache, so the flags of a response are those that are stored. Two are not the
 * response's own: what comes from the cache always has AA, and RD is the client's (RFC 1035 §4.1.1).
 */
import { CorefileError } from '../config/corefile-error.ts';
import type { OptionLine, Token } from '../config/token.ts';
import { checkCount } from '../config/values.ts';
import { FLAG_AA, FLAG_RA, FLAG_RD, RCODE_SERVFAIL, writeUint16 } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { changeAnswer } from '../dns/synthesis.ts';
import type { Directive } from './directive.ts';
import { type Done, failed, type Outcome, type Stage } from './stage.ts';

/** What is done to the second header word: `(flags | set) & ~clear`. */
interface FlagChange {
  readonly set: number;
  readonly clear: number;
}

export interface HeaderOptions {
  readonly query: FlagChange;
  readonly response: FlagChange;
}

const FLAGS: ReadonlyMap<string, number> = new Map([
  ['aa', FLAG_AA],
  ['ra', FLAG_RA],
  ['rd', FLAG_RD],
]);
const UNCHANGED: FlagChange = { set: 0, clear: 0 };
const SEVERAL = { min: 1, max: Number.POSITIVE_INFINITY };

export const header: Directive<HeaderOptions> = {
  name: 'header',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    if (lines.length === 0) {
      throw new CorefileError('argument-count', 'header needs a line in braces', name);
    }
    const options = { query: UNCHANGED, response: UNCHANGED };
    for (const line of lines) {
      const { selector, action, flags } = readLine(line);
      options[selector] = changed(options[selector], action, flags);
    }
    return Object.freeze(options);
  },
  stage: (options, _context, next) => new FlagStage(options, next),
};

/** One line; the selector may be left out. */
function readLine({ words }: OptionLine) {
  const first = words[0].text.toLowerCase();
  const hasSelector = first === 'query' || first === 'response';
  const selector: 'query' | 'response' = first === 'query' ? 'query' : 'response';
  const [action, ...names] = hasSelector ? words.slice(1) : words;
  if (action === undefined) {
    throw new CorefileError('argument-count', `"${first}" needs set or clear`, words[0]);
  }
  checkCount(action, names, SEVERAL);
  return { selector, action, flags: names.reduce((bits, name) => bits | readFlag(name), 0) };
}

function readFlag(word: Token): number {
  const flag = FLAGS.get(word.text.toLowerCase());
  if (flag !== undefined) return flag;
  throw new CorefileError('argument-value', `unknown flag "${word.text}"`, word);
}

/** The last line that names a flag decides about it. */
function changed({ set, clear }: FlagChange, action: Token, flags: number): FlagChange {
  const verb = action.text.toLowerCase();
  if (verb === 'set') return { set: set | flags, clear: clear & ~flags };
  if (verb === 'clear') return { set: set & ~flags, clear: clear | flags };
  const message = `unknown flag action "${action.text}", should be set or clear`;
  throw new CorefileError('unknown-option', message, action);
}

function apply(flags: number, { set, clear }: FlagChange): number {
  return (flags | set) & ~clear;
}

class FlagStage implements Stage {
  readonly #options: HeaderOptions;
  readonly #next: Stage;

  constructor(options: HeaderOptions, next: Stage) {
    this.#options = options;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const { response } = this.#options;
    this.#next.resolve(this.#changedQuery(query), (outcome) => {
      done(changedOutcome(outcome, response));
    });
  }

  #changedQuery(query: Query): Query {
    const flags = apply(query.flags, this.#options.query);
    if (flags === query.flags) return query;
    const wire = Buffer.from(query.wire);
    writeUint16(wire, 2, flags);
    return query.rewritten(wire) ?? query;
  }
}

function changedOutcome(outcome: Outcome, change: FlagChange): Outcome {
  const { answer } = outcome;
  if (answer === null || apply(answer.flags, change) === answer.flags) return outcome;
  const made = changeAnswer(answer, (message) => ({
    ...message,
    flags: apply(message.flags, change),
  }));
  if (made === null) return failed(RCODE_SERVFAIL, 'the flags of the answer cannot be changed');
  return { ...outcome, answer: made };
}
