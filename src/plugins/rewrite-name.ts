/** `rewrite name`: asks for another name, and gives the names in the response back. */
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { checkCount } from '../config/values.ts';
import { type NameChange, readChange, readMatch, readRegexChange } from './rewrite-match.ts';
import { renameOwners, renameValues } from './rewrite-response.ts';
import type { ResponseRule, RuleAction } from './rewrite-rule.ts';

/** What `answer …` says. */
interface AnswerWords {
  /** The names are given back as well as can be. */
  readonly auto: boolean;
  readonly rules: readonly ResponseRule[];
}

/** Reads `[MATCH] FROM TO [answer …]`. Throws CorefileError. */
export function readNameRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 2, max: Number.POSITIVE_INFINITY });
  const match = words.length === 2 ? 'exact' : readMatch(words[0]);
  const [from, to, ...rest] = words.length === 2 ? words : words.slice(1);
  const change = readChange(match, from, to);
  const answer = readAnswerWords(rest);
  const back = answer.auto && match === 'suffix' ? giveBack(readChange('suffix', to, from)) : null;
  const isRemapped = match === 'exact' || (answer.auto && match !== 'suffix');
  return (draft) => {
    const renamed = change(draft.name);
    if (renamed === null) return null;
    const original = draft.name;
    draft.name = renamed;
    if (isRemapped) return [...giveBack(remap(renamed, original)), ...answer.rules];
    return back === null ? answer.rules : [...back, ...answer.rules];
  };
}

/**
 * Reads `answer auto`, `answer name REGEX TO` and `answer value REGEX TO`, any number of them; behind
 * the first, the word `answer` may be missing.
 */
function readAnswerWords(words: readonly Token[]): AnswerWords {
  let auto = false;
  let nameRule: Token | null = null;
  const rules: ResponseRule[] = [];
  for (let at = 0; at < words.length; ) {
    const word = words[at];
    if (word.text === 'answer') at++;
    else if (at === 0) throw wrong(`"${word.text}" stands where only "answer" may`, word);
    const kind = words[at++];
    if (kind === undefined) throw missing(word);
    if (kind.text === 'auto') {
      auto = true;
      continue;
    }
    if (kind.text !== 'name' && kind.text !== 'value') {
      throw wrong(`"${kind.text}" is not one of auto, name, value`, kind);
    }
    if (at + 2 > words.length) throw missing(kind);
    const change = readRegexChange(words[at], words[at + 1]);
    at += 2;
    if (kind.text === 'name') nameRule = kind;
    rules.push(kind.text === 'name' ? renameOwners(change) : renameValues(change));
  }
  if (auto && nameRule !== null) {
    throw wrong('"answer auto" and "answer name" cannot be combined', nameRule);
  }
  return { auto, rules };
}

/** Names of records and names within them. */
function giveBack(change: NameChange): ResponseRule[] {
  return [renameOwners(change), renameValues(change)];
}

/** `from` and everything below it become `to`. */
function remap(from: string, to: string): NameChange {
  const below = `.${from}`;
  return (name) => {
    if (name === from) return to;
    return name.endsWith(below) ? name.slice(0, -from.length) + to : null;
  };
}

function wrong(message: string, word: Token): CorefileError {
  return new CorefileError('argument-value', message, word);
}

function missing(word: Token): CorefileError {
  return new CorefileError('argument-count', `"${word.text}" lacks what belongs behind it`, word);
}
