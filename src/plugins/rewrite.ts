/**
 * `rewrite [continue|stop] FIELD …`: changes the question on its way in and takes the change back in
 * the response (spec §5.12). It stands behind the cache: what it makes is stored under the question
 * of the client.
 *
 *   rewrite [continue|stop] name [exact|prefix|suffix|substring|regex] FROM TO [ANSWER…]
 *   rewrite [continue|stop] class|type FROM TO
 *   rewrite [continue|stop] ttl [MATCH] NAME SECONDS|[MIN]-[MAX]
 *   rewrite [continue|stop] rcode [MATCH] NAME FROM TO
 *   rewrite [continue|stop] cname [MATCH] FROM TO
 *   rewrite [continue|stop] edns0 local|nsid|subnet append|replace|set|unset … [revert]
 *
 *   ANSWER: answer auto | answer name REGEX TO | answer value REGEX TO
 *
 * The words after `rewrite [continue|stop]` may stand in braces, on as many lines as one likes.
 */
import { CorefileError } from '../config/corefile-error.ts';
import type { DirectiveUse, OptionLine, Token } from '../config/token.ts';
import { unknownOption } from '../config/values.ts';
import type { Directive } from './directive.ts';
import { readCnameRule } from './rewrite-cname.ts';
import { readEdnsRule } from './rewrite-edns.ts';
import { readClassRule, readRcodeRule, readTtlRule, readTypeRule } from './rewrite-fields.ts';
import { readNameRule } from './rewrite-name.ts';
import type { RewriteRule, RuleAction } from './rewrite-rule.ts';
import { RewriteStage } from './rewrite-stage.ts';

export interface RewriteOptions {
  /** In the order of the Corefile. */
  readonly rules: readonly RewriteRule[];
}

export const rewrite: Directive<RewriteOptions> = {
  name: 'rewrite',
  repeatable: true,
  parse: (uses) => Object.freeze({ rules: Object.freeze(uses.map(readRule)) }),
  stage: ({ rules }, { lookUp }, next) => new RewriteStage(rules, { lookUp, next }),
};

/** What may be rewritten, and who reads the words behind it. */
const FIELDS: ReadonlyMap<string, (field: Token, words: readonly Token[]) => RuleAction> = new Map([
  ['name', readNameRule],
  ['class', readClassRule],
  ['type', readTypeRule],
  ['ttl', readTtlRule],
  ['rcode', readRcodeRule],
  ['cname', readCnameRule],
  ['edns0', readEdnsRule],
]);

function readRule(use: DirectiveUse): RewriteRule {
  const [first, ...rest] = wordsOf(use);
  if (first === undefined) {
    throw new CorefileError('argument-count', 'rewrite needs a field', use.name);
  }
  const mode = first.text.toLowerCase();
  const hasMode = mode === 'continue' || mode === 'stop';
  const [field, ...words] = hasMode ? rest : [first, ...rest];
  if (field === undefined) {
    throw new CorefileError('argument-count', `"${first.text}" needs a field`, first);
  }
  const read = FIELDS.get(field.text.toLowerCase());
  if (read !== undefined) return { apply: read(field, words), isLast: mode !== 'continue' };
  if (field.text.toLowerCase() !== 'answer') throw unknownOption('rewrite', field);
  const message = 'response rewrites must begin with a name rule';
  throw new CorefileError('argument-value', message, field);
}

/** All words of a rule, those in braces too. */
function wordsOf({ args, lines }: DirectiveUse): readonly Token[] {
  if (args.length >= 2 && lines.length > 0) throw unknownOption('rewrite', lines[0].words[0]);
  return [...args, ...lines.flatMap(wordsOfLine)];
}

function wordsOfLine({ words, lines }: OptionLine): readonly Token[] {
  if (lines.length > 0) throw unknownOption('rewrite', lines[0].words[0]);
  return words;
}
