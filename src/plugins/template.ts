/**
 * `template CLASS TYPE [ZONES…]`: answers with records made from the question (spec §5.12).
 *
 *   template CLASS TYPE [ZONES…] {
 *       match REGEXP…                                  every name by default
 *       answer|authority|additional TEMPLATE…          each gives one record
 *       rcode CODE                                     NOERROR
 *       ederror CODE [TEXT]                            an extended DNS error (RFC 8914)
 *       fallthrough [ZONES…]
 *   }
 *
 * Syntax: template-options.ts. The language of records: template-parser.ts.
 */
import { ZoneSet } from '../cache/zone-set.ts';
import { RCODE_SERVFAIL } from '../dns/header.ts';
import { decodeMessage, type ResourceRecord } from '../dns/message.ts';
import type { Query } from '../dns/query.ts';
import { parseRecord } from '../dns/record-text.ts';
import { respond } from '../dns/synthesis.ts';
import { TYPE_A, TYPE_AAAA, TYPE_CNAME } from '../dns/type.ts';
import type { BlockContext, Directive } from './directive.ts';
import { answered, type Done, failed, type Stage } from './stage.ts';
import { countFailure, countMatch, type TemplateFailure } from './template-counters.ts';
import { type TemplateMatch, TemplateMatcher } from './template-match.ts';
import { readTemplateRule, type TemplateRule } from './template-options.ts';
import type { GoTemplate } from './template-parser.ts';
import type { TemplateFields } from './template-value.ts';

export interface TemplateOptions {
  /** In the order of the Corefile: the first that matches answers. */
  readonly rules: readonly TemplateRule[];
}

export const template: Directive<TemplateOptions> = {
  name: 'template',
  repeatable: true,
  parse: (uses, facts) =>
    Object.freeze({ rules: Object.freeze(uses.map((use) => readTemplateRule(use, facts))) }),
  stage: ({ rules }, context, next) =>
    rules.reduceRight<Stage>((behind, rule) => new TemplateStage(rule, context, behind), next),
};

/** The records of an answer. */
interface Sections {
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** One template; what it does not answer goes to the next one. */
class TemplateStage implements Stage {
  readonly #rule: TemplateRule;
  readonly #matcher: TemplateMatcher;
  readonly #fallthrough: ZoneSet;
  readonly #context: Pick<BlockContext, 'catalogue' | 'lookUp'>;
  readonly #next: Stage;

  constructor(rule: TemplateRule, context: BlockContext, next: Stage) {
    this.#rule = rule;
    this.#matcher = new TemplateMatcher(rule);
    this.#fallthrough = new ZoneSet(rule.fallthrough);
    this.#context = context;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const match = this.#matcher.match(query);
    if (typeof match === 'object') this.#answer(query, match, done);
    else if (match === 'other-question' || this.#fallthrough.covers(query.key)) {
      this.#next.resolve(query, done);
    } else done(failed(RCODE_SERVFAIL, ''));
  }

  #answer(query: Query, match: TemplateMatch, done: Done): void {
    const { catalogue } = this.#context;
    const { rcode, options } = this.#rule;
    const labels = { server: query.server, ...match };
    countMatch(catalogue, labels);
    if (rcode === RCODE_SERVFAIL) {
      done(failed(RCODE_SERVFAIL, ''));
      return;
    }
    const sections = this.#fill(match.data);
    if (sections instanceof FailedRecord) {
      countFailure(catalogue, labels, sections.failure);
      done(failed(RCODE_SERVFAIL, sections.message));
      return;
    }
    this.#chase(query, sections.answers, (answers, truncated) => {
      const response = { aa: true, rcode, options, ...sections, answers, truncated };
      done(answered(respond(query, response), 'template'));
    });
  }

  #fill(data: TemplateFields): Sections | FailedRecord {
    const { answers, authorities, additionals } = this.#rule;
    try {
      return {
        answers: answers.map((text) => makeRecord(text, 'answer', data)),
        additionals: additionals.map((text) => makeRecord(text, 'additional', data)),
        authorities: authorities.map((text) => makeRecord(text, 'authority', data)),
      };
    } catch (error) {
      if (error instanceof FailedRecord) return error;
      throw error;
    }
  }

  /**
   * Puts behind each alias what our own server knows of its target, one after the other, when
   * addresses are asked for.
   */
  #chase(
    query: Query,
    records: readonly ResourceRecord[],
    done: (records: readonly ResourceRecord[], truncated: boolean) => void,
  ): void {
    const wantsAddress = query.qtype === TYPE_A || query.qtype === TYPE_AAAA;
    const found: ResourceRecord[] = [];
    let truncated = false;
    const goOn = (from: number): void => {
      for (let at = from; at < records.length; at++) {
        const record = records[at];
        found.push(record);
        if (!wantsAddress || record.type !== TYPE_CNAME) continue;
        this.#context.lookUp(query, record.rdata, query.qtype, ({ answer }) => {
          if (answer !== null) {
            truncated ||= answer.truncated;
            found.push(...(decodeMessage(answer.wire)?.answers ?? []));
          }
          goOn(at + 1);
        });
        return;
      }
      done(found, truncated);
    };
    goOn(0);
  }
}

/** The record that a template gives. Throws FailedRecord. */
function makeRecord({ source, fill }: GoTemplate, section: string, data: TemplateFields) {
  const failure = { section, template: source };
  const text = attempt(() => fill(data), { ...failure, kind: 'template' });
  return attempt(() => parseRecord(text), { ...failure, kind: 'rr' });
}

function attempt<T>(step: () => T, failure: TemplateFailure): T {
  try {
    return step();
  } catch (cause) {
    throw new FailedRecord(failure, cause);
  }
}

/** A record that could not be made. Does not leave this file. */
class FailedRecord extends Error {
  readonly failure: TemplateFailure;

  constructor(failure: TemplateFailure, cause: unknown) {
    super(`${failure.section} "${failure.template}": ${cause}`, { cause });
    this.name = 'FailedRecord';
    this.failure = failure;
  }
}
