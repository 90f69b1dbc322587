/**
 * `bind ADDRESS|INTERFACE… { except ADDRESS|INTERFACE… }`: where the block listens (spec §5.8).
 * Several lines add up; `except` counts for its own line.
 */
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { CorefileError } from '../config/corefile-error.ts';
import type { DirectiveUse, Token } from '../config/token.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import type { BlockFacts, Directive } from './directive.ts';

const ONE_OR_MORE = { min: 1, max: Number.POSITIVE_INFINITY };

export interface BindOptions {
  /** Each once, at least one, in the order of the Corefile. */
  readonly addresses: readonly string[];
}

export const bind: Directive<BindOptions> = {
  name: 'bind',
  repeatable: true,
  parse(uses, facts) {
    const addresses = new Set(uses.flatMap((use) => readUse(use, facts)));
    if (addresses.size === 0) {
      // An empty list would mean every address of the node.
      const message = 'bind: no address is left to listen on';
      throw new CorefileError('argument-value', message, uses[0].name);
    }
    return Object.freeze({ addresses: Object.freeze([...addresses]) });
  },
  configure({ addresses }, settings) {
    settings.listenAddresses = [...addresses];
  },
};

function readUse({ name, args, lines }: DirectiveUse, facts: BlockFacts): string[] {
  checkCount(name, args, ONE_OR_MORE);
  const excepted = new Set<string>();
  for (const { words } of lines) {
    const [option, ...values] = words;
    if (option.text !== 'except') throw unknownOption('bind', option);
    checkCount(option, values, ONE_OR_MORE);
    for (const address of values.flatMap((word) => readAddresses(word, facts))) {
      excepted.add(address);
    }
  }
  return args
    .flatMap((word) => readAddresses(word, facts))
    .filter((address) => !excepted.has(address));
}

/** The address that a word is, or those of the interface it names. */
function readAddresses(word: Token, { ownInterface }: BlockFacts): readonly string[] {
  if (isIP(word.text) !== 0) return [word.text];
  if (ownInterface?.name === word.text) return ownInterface.addresses;
  const found = networkInterfaces()[word.text];
  if (found !== undefined) return found.map(({ address }) => withZone(address, word.text));
  const message = `not a valid IP address or interface name: "${word.text}"`;
  throw new CorefileError('argument-value', message, word);
}

/** A link-local IPv6 address is one only together with its interface (RFC 4007 §11). */
function withZone(address: string, interfaceName: string): string {
  return isIPv6(address) && /^fe[89ab]/i.test(address) ? `${address}%${interfaceName}` : address;
}
