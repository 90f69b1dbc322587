/**
 * The stop of `rewrite` on the road.
 *
 *   question ─▶ rules, first to last ─▶ changed question ─▶ next stage
 *   response ◀─ its rules, last to first ◀──────────────────────┘
 *
 * Whatever the rules do, the response has the client's question, letter case and all.
 */
import { type EdnsOption, optionsOf, withOptions } from '../dns/edns.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import { decodeMessage, encodeMessage, type Message, type Question } from '../dns/message.ts';
import { nameFromText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { answerOf, messageOf } from '../dns/synthesis.ts';
import type { BlockContext } from './directive.ts';
import type { Draft, ResponseRule, RewriteRule } from './rewrite-rule.ts';
import { type Done, failed, type Outcome, type Stage } from './stage.ts';

/** What upstream is told it may send when the client did not say: fits every IPv6 path (RFC 8200 §5). */
const EDNS_SIZE = 1232;

/** What the stage works with. */
export interface RewriteStageModules extends Pick<BlockContext, 'lookUp'> {
  readonly next: Stage;
}

/** What the rules make of a query. */
interface Rewritten {
  readonly query: Query;
  /** BOUNDED by the rules of the Corefile. */
  readonly responseRules: readonly ResponseRule[];
}

/** A response on its way back. */
interface Job {
  /** As the client sent it. */
  readonly query: Query;
  readonly outcome: Outcome;
  readonly done: Done;
}

export class RewriteStage implements Stage {
  readonly #rules: readonly RewriteRule[];
  readonly #modules: RewriteStageModules;

  constructor(rules: readonly RewriteRule[], modules: RewriteStageModules) {
    this.#rules = rules;
    this.#modules = modules;
  }

  resolve(query: Query, done: Done): void {
    const rewritten = this.#apply(query);
    if (typeof rewritten === 'string') {
      done(failed(RCODE_SERVFAIL, rewritten));
      return;
    }
    const { responseRules } = rewritten;
    if (responseRules.length === 0 && rewritten.query.key === query.key) {
      this.#modules.next.resolve(rewritten.query, done);
      return;
    }
    this.#modules.next.resolve(rewritten.query, (outcome) => {
      const message = outcome.answer && messageOf(outcome.answer);
      // What is no message has nothing to rewrite: the server writes the reply.
      if (message === null) done(outcome);
      else this.#takeBack({ query, outcome, done }, message, responseRules);
    });
  }

  /** Applies the rules to a query. A text says why that cannot be done. */
  #apply(query: Query): Rewritten | string {
    const options = query.hasOpt ? optionsOf(query.wire) : null;
    const { name, qtype, qclass } = query;
    const draft: Draft = { query, name, type: qtype, class: qclass, options };
    const responseRules: ResponseRule[] = [];
    for (const { apply, isLast } of this.#rules) {
      const rules = apply(draft);
      if (rules === null) continue;
      if (draft.name !== name && nameFromText(draft.name) === null) {
        return `invalid name after rewrite: ${draft.name}`;
      }
      responseRules.push(...rules);
      if (isLast) break;
    }
    const changed = rewriteQuery(draft, draft.options === options ? null : draft.options);
    return changed === null ? 'the query cannot be rewritten' : { query: changed, responseRules };
  }

  /** Applies `rules` from the last to the first and delivers what becomes of `message`. */
  #takeBack(job: Job, message: Message, rules: readonly ResponseRule[]): void {
    let changed = message;
    for (let i = rules.length - 1; i >= 0; i--) {
      const rule = rules[i];
      if (typeof rule === 'function') {
        changed = rule(changed);
        continue;
      }
      const detour = rule.find(changed);
      if (detour === null) continue;
      const [{ type }] = changed.questions;
      this.#modules.lookUp(job.query, detour.target, type, (outcome) => {
        const found = outcome.answer && messageOf(outcome.answer);
        if (found === null) job.done(outcome);
        else this.#takeBack(job, detour.follow(found), rules.slice(0, i));
      });
      return;
    }
    deliver(job, changed);
  }
}

/** Gives the response back under the client's question. */
function deliver({ query, outcome, done }: Job, message: Message): void {
  const answer = answerOf({ ...message, questions: [questionOf(query)] });
  if (answer === null) done(failed(RCODE_SERVFAIL, 'the response cannot be rewritten'));
  else done({ ...outcome, answer, rcode: answer.rcode });
}

/**
 * The query that a draft stands for, with these options unless they are null; the client's own where
 * nothing is changed. Null when it does not fit a message.
 */
function rewriteQuery(draft: Draft, options: readonly EdnsOption[] | null): Query | null {
  const { query, name, type, class: qclass } = draft;
  const isSame = name === query.name && type === query.qtype && qclass === query.qclass;
  const asked = isSame ? query.wire : withQuestion(draft);
  const wire = asked && options ? withOptions(asked, options, EDNS_SIZE) : asked;
  if (wire === query.wire) return query;
  return wire && query.rewritten(wire);
}

/** The client's message with the draft's question. Null when it is malformed. */
function withQuestion({ query, name, type, class: qclass }: Draft): Buffer | null {
  const message = decodeMessage(query.wire);
  const newName = name === query.name ? query.wireName : nameFromText(name);
  if (message === null || newName === null) return null;
  return encodeMessage({ ...message, questions: [{ name: newName, type, class: qclass }] });
}

/** The client's question, letter case kept. */
function questionOf({ wireName, qtype, qclass }: Query): Question {
  return { name: wireName, type: qtype, class: qclass };
}
