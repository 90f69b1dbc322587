/**
 * `timeouts { read DURATION; write DURATION; idle DURATION; maxtcpqueries N }`: limits of TCP
 * connections to the block's listeners (spec §5.12).
 */
import { CorefileError } from '../config/corefile-error.ts';
import type { OptionLine, Token } from '../config/token.ts';
import { checkCount, readDurationMs, readInteger, unknownOption } from '../config/values.ts';
import type { BlockSettings, Directive } from './directive.ts';

/** 1 s to 24 h. */
const TIMEOUT_MS = { min: 1000, max: 86_400_000 };
const MAX_QUERIES = { min: -1, max: 0x7fff_ffff };

/** What was said; the rest stays as it is without the directive. */
export type TimeoutsOptions = Readonly<
  Partial<
    Pick<BlockSettings, 'readTimeoutMs' | 'writeTimeoutMs' | 'idleTimeoutMs' | 'maxTcpQueries'>
  >
>;

export const timeouts: Directive<TimeoutsOptions> = {
  name: 'timeouts',
  repeatable: true,
  parse(uses) {
    const options = {};
    for (const { name, args, lines } of uses) {
      checkCount(name, args, { min: 0, max: 0 });
      if (lines.length === 0) {
        throw new CorefileError(
          'argument-count',
          'timeouts block with no timeouts specified',
          name,
        );
      }
      for (const line of lines) Object.assign(options, readLine(line));
    }
    return Object.freeze(options);
  },
  configure(options, settings) {
    Object.assign(settings, options);
  },
};

function readLine({ words: [option, ...args] }: OptionLine): TimeoutsOptions {
  const read = () => {
    checkCount(option, args, { min: 1, max: 1 });
    return readTimeoutMs(args[0]);
  };
  switch (option.text) {
    case 'read':
      return { readTimeoutMs: read() };
    case 'write':
      return { writeTimeoutMs: read() };
    case 'idle':
      return { idleTimeoutMs: read() };
    case 'maxtcpqueries':
      checkCount(option, args, { min: 1, max: 1 });
      return { maxTcpQueries: readMaxQueries(args[0]) };
    default:
      throw unknownOption('timeouts', option);
  }
}

/** A bare number means seconds. */
function readTimeoutMs(word: Token): number {
  const text = /^\d+$/.test(word.text) ? `${word.text}s` : word.text;
  return readDurationMs({ ...word, text }, TIMEOUT_MS);
}

/** −1 stands for any number, which is 0 in the settings. */
function readMaxQueries(word: Token): number {
  const value = readInteger(word, MAX_QUERIES);
  if (value === 0) {
    throw new CorefileError('argument-value', `"${word.text}" must be 1 or more, or -1`, word);
  }
  return value === -1 ? 0 : value;
}
