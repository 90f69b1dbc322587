/** One line of `acl`: `ACTION [type TYPE…] [net NETWORK…]`. */
import { CorefileError } from '../config/corefile-error.ts';
import type { OptionLine, Token } from '../config/token.ts';
import { typeNumber } from '../dns/type.ts';
import { isWithin, type Network, readNetwork } from './network.ts';

const ACTIONS = ['allow', 'block', 'filter', 'drop'] as const;
const SECTIONS = ['type', 'net'] as const;

/** What becomes of a query. */
export type AclAction = (typeof ACTIONS)[number];
type Section = (typeof SECTIONS)[number];

export interface AclPolicy {
  readonly action: AclAction;
  /** Null for every type. */
  readonly types: ReadonlySet<number> | null;
  /** Null for every client. BOUNDED by the Corefile. */
  readonly networks: readonly Network[] | null;
}

/** Reads a line. Throws CorefileError. */
export function readPolicy({ words: [word, ...words] }: OptionLine): AclPolicy {
  const action = ACTIONS.find((known) => known === word.text.toLowerCase());
  if (action === undefined) throw unexpected(word, ACTIONS);
  const lists = splitLists(words);
  const types = withoutStar(lists.get('type'))?.map(readType);
  const networks = withoutStar(lists.get('net'))?.map(readSource);
  return Object.freeze({
    action,
    types: types === undefined ? null : new Set(types),
    networks: networks ?? null,
  });
}

/** Whether a policy is for queries of this type from this client. */
export function fits({ types, networks }: AclPolicy, qtype: number, client: Uint8Array): boolean {
  if (types !== null && !types.has(qtype)) return false;
  return networks === null || networks.some((network) => isWithin(network, client));
}

/** The words behind each `type` and `net`. */
function splitLists(words: readonly Token[]): ReadonlyMap<Section, readonly Token[]> {
  const lists = new Map<Section, Token[]>();
  let list: Token[] | undefined;
  words.forEach((word, index) => {
    const section = SECTIONS.find((known) => known === word.text.toLowerCase());
    if (section === undefined) {
      if (list === undefined) throw unexpected(word, SECTIONS);
      list.push(word);
      return;
    }
    if (isLastOrSection(words[index + 1])) {
      const message = `no token specified in "${word.text}" section`;
      throw new CorefileError('argument-count', message, word);
    }
    list = lists.get(section) ?? [];
    lists.set(section, list);
  });
  return lists;
}

function isLastOrSection(word: Token | undefined): boolean {
  return word === undefined || SECTIONS.some((known) => known === word.text.toLowerCase());
}

/** Undefined, which stands for all, when there is no list or a `*` in it. */
function withoutStar(words: readonly Token[] | undefined): readonly Token[] | undefined {
  return words?.some(({ text }) => text === '*') ? undefined : words;
}

function readType(word: Token): number {
  const type = typeNumber(word.text);
  if (type !== undefined) return type;
  throw new CorefileError('argument-value', `"${word.text}" is not a record type`, word);
}

/** A network, or an address that stands for itself. */
function readSource(word: Token): Network {
  if (word.text.includes('/')) return readNetwork(word);
  return readNetwork({ ...word, text: `${word.text}/${word.text.includes(':') ? 128 : 32}` });
}

function unexpected(word: Token, expected: readonly string[]): CorefileError {
  const message = `unexpected token "${word.text}"; expect ${expected.join(', ')}`;
  return new CorefileError('unknown-option', message, word);
}
