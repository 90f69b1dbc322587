/** An upstream whose answers are written as text, for directives that change questions and answers. */
import type { EdnsOption } from '../../src/dns/edns.ts';
import { optionsOf, readOptions } from '../../src/dns/edns.ts';
import { decodeMessage, type ResourceRecord } from '../../src/dns/message.ts';
import { nameToText } from '../../src/dns/name.ts';
import type { Query } from '../../src/dns/query.ts';
import { className } from '../../src/dns/rcode.ts';
import { parseRecord, recordToText } from '../../src/dns/record-text.ts';
import { respond } from '../../src/dns/synthesis.ts';
import { typeName } from '../../src/dns/type.ts';
import { answered, type Done, type Outcome, type Stage } from '../../src/plugins/stage.ts';

/** Records as text: `name [TTL] [class] type data`. */
export interface TextReply {
  readonly rcode?: number;
  readonly aa?: boolean;
  readonly answers?: readonly string[];
  readonly authorities?: readonly string[];
  readonly additionals?: readonly string[];
  readonly options?: readonly EdnsOption[];
}

/** The same with everything there, and the question as `name class type`. */
export interface Shown extends Required<Omit<TextReply, 'options' | 'aa'>> {
  readonly question: string;
  readonly options: readonly EdnsOption[] | null;
  readonly plugin: string;
  readonly error: string;
}

/** Answers what `reply` says to a question of the form `name class type`, letter case kept. */
export class TextUpstream implements Stage {
  readonly #reply: (question: string, query: Query) => TextReply | Outcome;
  /** Questions in the order they came. */
  readonly asked: string[] = [];
  readonly queries: Query[] = [];

  constructor(reply: (question: string, query: Query) => TextReply | Outcome) {
    this.#reply = reply;
  }

  resolve(query: Query, done: Done): void {
    const question = questionText(query.wire);
    this.asked.push(question);
    this.queries.push(query);
    const reply = this.#reply(question, query);
    if ('plugin' in reply) {
      done(reply);
      return;
    }
    const { answers = [], authorities = [], additionals = [], ...rest } = reply;
    const sections = {
      answers: answers.map((line) => parseRecord(line)),
      authorities: authorities.map((line) => parseRecord(line)),
      additionals: additionals.map((line) => parseRecord(line)),
    };
    done(answered(respond(query, { ...rest, ...sections }), 'forward'));
  }

  /** The options of the last query; null: it had no OPT record. */
  get lastOptions(): EdnsOption[] | null {
    return optionsOf(this.queries[this.queries.length - 1].wire);
  }
}

/** What `stage` answers at once. */
export function resolveNow(stage: Stage, query: Query): Shown {
  const outcomes: Outcome[] = [];
  stage.resolve(query, (outcome) => outcomes.push(outcome));
  if (outcomes.length !== 1) throw new Error(`${outcomes.length} outcomes`);
  return showText(outcomes[0]);
}

export function showText({ answer, rcode, plugin, error }: Outcome): Shown {
  const message = answer && decodeMessage(answer.wire);
  const lines = (records: readonly ResourceRecord[] = []) => records.map(recordToText);
  return {
    question: answer === null ? '' : questionText(answer.wire),
    rcode,
    answers: lines(message?.answers),
    authorities: lines(message?.authorities),
    additionals: lines(message?.additionals),
    options: answer?.opt ? readOptions(answer.opt) : null,
    plugin,
    error,
  };
}

function questionText(wire: Buffer): string {
  const [question] = decodeMessage(wire)?.questions ?? [];
  return `${nameToText(question.name, 0)} ${className(question.class)} ${typeName(question.type)}`;
}
