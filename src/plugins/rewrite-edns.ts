/**
 * `rewrite edns0`: changes the EDNS options of the query that goes upstream.
 *
 *   edns0 local append|replace|set CODE DATA [revert]    edns0 local unset CODE [revert]
 *   edns0 nsid append|replace|set|unset [revert]
 *   edns0 subnet append|replace|set V4BITS V6BITS [revert]   edns0 subnet unset [revert]
 *
 * `append` adds an option where there is none of its code, `replace` changes one that is there, `set`
 * does either, `unset` takes it away. `revert` takes the change back in upstream's response.
 */
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { checkCount } from '../config/values.ts';
import type { EdnsOption } from '../dns/edns.ts';
import { type OptionData, readLocalData, readSubnetData } from './rewrite-edns-data.ts';
import { setResponseOption } from './rewrite-edns-response.ts';
import type { RuleAction } from './rewrite-rule.ts';

/** RFC 5001 §2.1 and RFC 7871 §6. */
const OPTION_NSID = 3;
const OPTION_SUBNET = 8;

const ACTIONS: readonly string[] = ['append', 'replace', 'set', 'unset'];

/** Which option, and what is to be in it. */
interface OptionChange {
  readonly code: number;
  readonly data: OptionData;
}

const EMPTY = Buffer.alloc(0);
const nothing: OptionData = () => EMPTY;

/** Reads `KIND ACTION … [revert]`. Throws CorefileError. */
export function readEdnsRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 2, max: Number.POSITIVE_INFINITY });
  const [kind, actionWord] = words;
  const reverts = words[words.length - 1].text === 'revert';
  const values = words.slice(2, reverts ? -1 : undefined);
  const action = actionWord.text.toLowerCase();
  if (!ACTIONS.includes(action)) {
    const message = `"${actionWord.text}" is not one of ${ACTIONS.join(', ')}`;
    throw new CorefileError('argument-value', message, actionWord);
  }
  const { code, data } = readOptionChange(kind, actionWord, values, action === 'unset');
  return (draft) => {
    const old = draft.options?.find((option) => option.code === code);
    const isWanted =
      action === 'set' || (old === undefined ? action === 'append' : action !== 'append');
    const value = isWanted ? data(draft.query, draft.name, draft.type) : null;
    if (value === null) return null;
    draft.options = withOption(draft.options ?? [], code, action === 'unset' ? null : value);
    return reverts ? [setResponseOption(code, old?.data ?? null)] : [];
  };
}

/** Reads the words behind the action. */
function readOptionChange(
  kind: Token,
  action: Token,
  values: readonly Token[],
  isUnset: boolean,
): OptionChange {
  switch (kind.text.toLowerCase()) {
    case 'local': {
      const count = isUnset ? 1 : 2;
      checkCount(action, values, { min: count, max: count });
      return { code: readCode(values[0]), data: isUnset ? nothing : readLocalData(values[1]) };
    }
    case 'nsid':
      checkCount(action, values, { min: 0, max: 0 });
      return { code: OPTION_NSID, data: nothing };
    case 'subnet': {
      const count = isUnset ? 0 : 2;
      checkCount(action, values, { min: count, max: count });
      const data = isUnset ? nothing : readSubnetData(values[0], values[1]);
      return { code: OPTION_SUBNET, data };
    }
    default: {
      const message = `"${kind.text}" is not one of local, nsid, subnet`;
      throw new CorefileError('argument-value', message, kind);
    }
  }
}

/** The options with this one in the place of the old, or at the end; `data` null: without it. */
function withOption(
  options: readonly EdnsOption[],
  code: number,
  data: Buffer | null,
): readonly EdnsOption[] {
  const at = options.findIndex((option) => option.code === code);
  const others = options.filter((option) => option.code !== code);
  if (data === null) return others;
  return others.toSpliced(at < 0 ? others.length : at, 0, { code, data });
}

/** An option code in decimal, or in the bases of Go: `0xffee`, `0o17`, `0b11`. */
function readCode(word: Token): number {
  const code = /^(\d+|0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+)$/.test(word.text)
    ? Number(word.text)
    : Number.NaN;
  if (code <= 0xffff) return code;
  throw new CorefileError('argument-value', `"${word.text}" is not an option code`, word);
}
