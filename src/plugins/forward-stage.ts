/** The stage of one `forward` line: which queries it takes, and what it leaves to the next one. */
import { ZoneSet } from '../cache/zone-set.ts';
import type { Answer } from '../dns/answer.ts';
import { RCODE_NOERROR } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { ForwardRule } from './forward-options.ts';
import { answered, type Done, failed, type Stage } from './stage.ts';

export class ForwardStage implements Stage {
  readonly forwarder: Forwarder;
  /** The `forward` behind this one, or whatever else comes next. */
  readonly next: Stage;
  /** The zone whose names it takes. */
  readonly from: string;
  readonly #rule: ForwardRule;
  readonly #zone: ZoneSet;
  readonly #except: ZoneSet;
  /** Whether some replies are handed on to another `forward`. */
  readonly #handsOn: boolean;

  constructor(rule: ForwardRule, forwarder: Forwarder, next: Stage) {
    this.forwarder = forwarder;
    this.next = next;
    this.from = rule.from;
    this.#rule = rule;
    this.#zone = new ZoneSet([rule.from]);
    // `from` itself is always forwarded, even where `except` names it.
    this.#except = new ZoneSet(rule.except.filter((zone) => zone !== rule.from));
    this.#handsOn = (rule.next.size > 0 || rule.nextOnNodata) && next instanceof ForwardStage;
  }

  resolve(query: Query, done: Done): void {
    const { key } = query;
    if (!this.#zone.covers(key) || this.#except.covers(key)) {
      this.next.resolve(query, done);
      return;
    }
    this.forwarder.forward(query, (answer, rcode, error) => {
      if (answer === null) done(failed(rcode, error));
      else if (this.#handsOn && this.#leaves(answer)) this.next.resolve(query, done);
      else done(answered(answer, 'forward'));
    });
  }

  #leaves(answer: Answer): boolean {
    const { next, nextOnNodata } = this.#rule;
    const isNodata = answer.rcode === RCODE_NOERROR && answer.answerCount === 0;
    return next.has(answer.rcode) || (nextOnNodata && isNodata);
  }
}
