/**
 * `minimal`: leaves out of positive answers what was not asked for, so that they are small. It
 * stands behind the cache: answers are stored in their short form.
 */
import { classify, KIND_SUCCESS } from '../cache/classification.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { changeAnswer } from '../dns/synthesis.ts';
import type { Directive } from './directive.ts';
import { type Done, failed, type Outcome, type Stage } from './stage.ts';

export const minimal: Directive<null> = {
  name: 'minimal',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    if (lines.length > 0) throw unknownOption('minimal', lines[0].words[0]);
    return null;
  },
  stage: (_options, _context, next) => new AnswersOnly(next),
};

class AnswersOnly implements Stage {
  readonly #next: Stage;

  constructor(next: Stage) {
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    this.#next.resolve(query, (outcome) => done(shortened(query, outcome)));
  }
}

/** Denials keep their SOA record, referrals their name servers: these are what they say. */
function shortened(query: Query, outcome: Outcome): Outcome {
  const { answer } = outcome;
  if (answer === null || answer.authorityCount + answer.additionalCount === 0) return outcome;
  const kind = classify(answer, query.qtype, () => Date.now() / 1000);
  if (kind !== KIND_SUCCESS || answer.answerCount === 0 || answer.hasTsig) return outcome;
  const short = changeAnswer(answer, (message) => ({
    ...message,
    authorities: [],
    additionals: [],
  }));
  if (short === null) return failed(RCODE_SERVFAIL, 'the answer cannot be shortened');
  return { ...outcome, answer: short };
}
