/** Reads `host:port`, as the directives and flags with an HTTP listener take it. */
import { CorefileError } from './corefile-error.ts';
import type { Token } from './token.ts';

/** Where to listen. */
export interface ListenAddress {
  /** An IP address or a name; '' for all addresses. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** As it was written. */
  readonly text: string;
}

/** `:8080`, `localhost:9153` or `[fd00::1]:9253`; null when `text` is none of these. */
export function parseListenAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 0xffff) return null;
  return { host: match[1] ?? match[2], port: Number(match[3]), text };
}

/** The same, for a word of a Corefile. */
export function readListenAddress(word: Token): ListenAddress {
  const address = parseListenAddress(word.text);
  if (address !== null) return address;
  throw new CorefileError(
    'argument-value',
    `"${word.text}" is not an address with a port, such as :8080 or [::1]:8080`,
    word,
  );
}
