/**
 * `rewrite cname`: an alias of the response leads to another name. Its records are asked of our own
 * server, so that the response is whole.
 */
import type { Token } from '../config/token.ts';
import { checkCount } from '../config/values.ts';
import { CLASS_IN } from '../dns/header.ts';
import type { Message, ResourceRecord } from '../dns/message.ts';
import { nameFromText, nameToText, sameName } from '../dns/name.ts';
import { rcodeOf, withRcode } from '../dns/synthesis.ts';
import { TYPE_CNAME, TYPE_OPT } from '../dns/type.ts';
import { type NameChange, readChange, readMatch } from './rewrite-match.ts';
import type { Detour, Retarget, RuleAction } from './rewrite-rule.ts';

/** Reads `[MATCH] FROM TO`. Throws CorefileError. */
export function readCnameRule(field: Token, words: readonly Token[]): RuleAction {
  checkCount(field, words, { min: 2, max: 3 });
  const [from, to] = words.slice(-2);
  const match = words.length === 2 ? 'exact' : readMatch(words[0]);
  const rules = [new AliasRetarget(readChange(match, from, to))];
  // As in the original it applies to every question, so a `stop` always stops here.
  return () => rules;
}

class AliasRetarget implements Retarget {
  readonly #change: NameChange;

  constructor(change: NameChange) {
    this.#change = change;
  }

  /** Follows the aliases from the question to the first one that is led elsewhere. */
  find(message: Message): Detour | null {
    const kept: ResourceRecord[] = [];
    let [{ name }] = message.questions;
    while (kept.length < message.answers.length) {
      const alias = message.answers.find(
        (record) =>
          record.type === TYPE_CNAME && record.class === CLASS_IN && sameName(record.name, name),
      );
      if (alias === undefined) return null;
      const target = this.#newTarget(alias);
      if (target !== null) return detour(message, [...kept, { ...alias, rdata: target }], target);
      kept.push(alias);
      name = alias.rdata;
    }
    return null;
  }

  #newTarget(alias: ResourceRecord): Buffer | null {
    const old = nameToText(alias.rdata, 0).toLowerCase();
    const changed = this.#change(old);
    return changed === null || changed === old ? null : nameFromText(changed);
  }
}

/** What stood behind the alias in the old response makes room for what is found at its new target. */
function detour(message: Message, aliases: readonly ResourceRecord[], target: Buffer): Detour {
  return {
    target,
    follow(found) {
      const joined: Message = {
        ...message,
        answers: [...aliases, ...found.answers],
        authorities: found.authorities,
        additionals: message.additionals.filter((record) => record.type === TYPE_OPT),
      };
      // RFC 6604 §3: the response code speaks of the last name on the way.
      return withRcode(joined, rcodeOf(found));
    },
  };
}
