/** `rewrite class`, `type`, `ttl` and `rcode`. */
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { checkCount } from '../config/values.ts';
import { classNumber, rcodeNumber } from '../dns/rcode.ts';
import { rcodeOf, withRcode } from '../dns/synthesis.ts';
import { typeNumber } from '../dns/type.ts';
import { readMatch, readMatcher } from './rewrite-match.ts';
import { boundTtls } from './rewrite-response.ts';
import type { ResponseRule, RuleAction } from './rewrite-rule.ts';

/** RFC 6895 §2.3: codes above this one have no name that the original knows. */
const MAX_RCODE = 23;
/** The most that a record can say, and RFC 2181 §8's limit, where a range is left open. */
const MAX_TTL_SECONDS = 0xffff_ffff;
const OPEN_TTL_SECONDS = 0x7fff_ffff;

/** Reads `FROM TO`. Throws CorefileError. */
export function readClassRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 2, max: 2 });
  const [from, to] = words.map((word) => known(classNumber(word.text), 'class', word));
  return (draft) => {
    if (draft.class !== from) return null;
    draft.class = to;
    return [];
  };
}

/** Reads `FROM TO`. Throws CorefileError. */
export function readTypeRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 2, max: 2 });
  const [from, to] = words.map((word) => known(typeNumber(word.text), 'record type', word));
  return (draft) => {
    if (draft.type !== from) return null;
    draft.type = to;
    return [];
  };
}

/** Reads `[MATCH] NAME SECONDS|[MIN]-[MAX]`. Throws CorefileError. */
export function readTtlRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 2, max: 3 });
  const [minSeconds, maxSeconds] = readTtlRange(words[words.length - 1]);
  return forNames(words.slice(0, -1), boundTtls(minSeconds, maxSeconds));
}

/** Reads `[MATCH] NAME FROM TO`. Throws CorefileError. */
export function readRcodeRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 3, max: 4 });
  const [from, to] = words.slice(-2).map(readRcode);
  return forNames(words.slice(0, -2), (message) =>
    rcodeOf(message) === from ? withRcode(message, to) : message,
  );
}

/** Reads `[MATCH] NAME`; the response to questions that match is changed. */
function forNames(words: readonly Token[], change: ResponseRule): RuleAction {
  const match = words.length === 1 ? 'exact' : readMatch(words[0]);
  const matches = readMatcher(match, words[words.length - 1]);
  const rules = [change];
  return (draft) => (matches(draft.name) ? rules : null);
}

/** `15`, `30-300`, `-300` or `30-`. */
function readTtlRange(word: Token): [minSeconds: number, maxSeconds: number] {
  const found = /^(?:(\d+)|(\d*)-(\d*))$/.exec(word.text);
  const [, one, low, high] = found ?? [];
  const min = Number(one ?? low);
  const max = Number(one ?? (high === '' ? OPEN_TTL_SECONDS : high));
  if (found !== null && word.text !== '-' && min <= max && max <= MAX_TTL_SECONDS)
    return [min, max];
  const message = `"${word.text}" is neither a TTL in seconds nor a range such as 30-300`;
  throw new CorefileError('argument-value', message, word);
}

/** A name or a number. */
function readRcode(word: Token): number {
  if (!/^\d+$/.test(word.text)) return known(rcodeNumber(word.text), 'response code', word);
  const number = Number(word.text);
  return known(number <= MAX_RCODE ? number : undefined, 'response code', word);
}

function known(number: number | undefined, what: string, word: Token): number {
  if (number !== undefined) return number;
  throw new CorefileError('argument-value', `"${word.text}" is not a ${what}`, word);
}
