/** The syntax of one `template` (spec §5.12). */
import { CorefileError } from '../config/corefile-error.ts';
import { readGoRegExp } from '../config/go-regexp.ts';
import type { DirectiveUse, Token } from '../config/token.ts';
import { checkCount, readInteger, unknownOption } from '../config/values.ts';
import { type EdnsOption, extendedError } from '../dns/edns.ts';
import { RCODE_NOERROR } from '../dns/header.ts';
import { classNumber, rcodeNumber } from '../dns/rcode.ts';
import { typeNumber } from '../dns/type.ts';
import type { BlockFacts } from './directive.ts';
import { type GoTemplate, parseTemplate } from './template-parser.ts';
import { TemplateError } from './template-value.ts';
import { EVERYWHERE, readZones } from './zone-scope.ts';

/** One use of the directive. */
export interface TemplateRule {
  /** 255 for every class and every type. */
  readonly qclass: number;
  readonly qtype: number;
  readonly zones: readonly string[];
  /** The first that fits the name decides. */
  readonly patterns: readonly RegExp[];
  readonly answers: readonly GoTemplate[];
  readonly authorities: readonly GoTemplate[];
  readonly additionals: readonly GoTemplate[];
  readonly rcode: number;
  readonly options: readonly EdnsOption[];
  /** Names in these zones that no pattern fits are left to the next one. */
  readonly fallthrough: readonly string[];
}

const SEVERAL = { min: 1, max: Number.POSITIVE_INFINITY };
const INFO_CODE = { min: 0, max: 0xffff };
const ANY_NAME = /.*/s;

type Draft = {
  -readonly [Key in keyof TemplateRule]: TemplateRule[Key] extends readonly (infer T)[]
    ? T[]
    : TemplateRule[Key];
};
type OptionReader = (draft: Draft, option: Token, values: readonly Token[]) => void;

/** Reads one use. Throws CorefileError. */
export function readTemplateRule(
  { name, args, lines }: DirectiveUse,
  facts: BlockFacts,
): TemplateRule {
  checkCount(name, args, { min: 2, max: Number.POSITIVE_INFINITY });
  const [qclass, qtype, ...zones] = args;
  const draft: Draft = {
    qclass: readNumber(qclass, classNumber, 'a query class'),
    qtype: readNumber(qtype, typeNumber, 'a record type'),
    zones: [...readZones(zones, facts.zones)],
    patterns: [],
    answers: [],
    authorities: [],
    additionals: [],
    rcode: RCODE_NOERROR,
    options: [],
    fallthrough: [],
  };
  for (const { words } of lines) {
    const read = OPTIONS.get(words[0].text);
    if (read === undefined) throw unknownOption('template', words[0]);
    read(draft, words[0], words.slice(1));
  }
  if (draft.patterns.length === 0) draft.patterns.push(ANY_NAME);
  return Object.freeze(draft);
}

const OPTIONS: ReadonlyMap<string, OptionReader> = new Map<string, OptionReader>([
  [
    'match',
    (draft, option, values) => {
      checkCount(option, values, SEVERAL);
      draft.patterns.push(...values.map(readGoRegExp));
    },
  ],
  ['answer', section((draft) => draft.answers)],
  ['authority', section((draft) => draft.authorities)],
  ['additional', section((draft) => draft.additionals)],
  [
    'rcode',
    (draft, option, values) => {
      checkCount(option, values, { min: 1, max: 1 });
      draft.rcode = readNumber(values[0], rcodeNumber, 'a response code');
    },
  ],
  [
    'ederror',
    (draft, option, values) => {
      checkCount(option, values, { min: 1, max: 2 });
      const [code, text] = values;
      draft.options = [extendedError(readInteger(code, INFO_CODE), text?.text ?? '')];
    },
  ],
  [
    'fallthrough',
    (draft, _option, values) => {
      draft.fallthrough = [...readZones(values, EVERYWHERE)];
    },
  ],
  // Once named the resolver for CNAME records; CoreDNS still takes and ignores it.
  ['upstream', () => {}],
]);

function section(listOf: (draft: Draft) => GoTemplate[]): OptionReader {
  return (draft, option, values) => {
    checkCount(option, values, SEVERAL);
    listOf(draft).push(...values.map(readTemplate));
  };
}

function readTemplate(word: Token): GoTemplate {
  try {
    return parseTemplate(word.text);
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    const message = `could not compile template "${word.text}": ${cause.message}`;
    throw new CorefileError('argument-value', message, word, cause);
  }
}

function readNumber(
  word: Token,
  numberOf: (text: string) => number | undefined,
  what: string,
): number {
  const number = numberOf(word.text) ?? (word.text.toUpperCase() === 'ANY' ? 255 : undefined);
  if (number !== undefined) return number;
  throw new CorefileError('argument-value', `"${word.text}" is not ${what}`, word);
}
