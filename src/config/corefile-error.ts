import type { Token } from './token.ts';

/** Why a Corefile was refused. Tests assert codes, people read messages. */
export type CorefileErrorCode =
  | 'syntax'
  | 'import'
  | 'unknown-directive'
  | 'directive-unavailable'
  | 'directive-repeated'
  | 'unknown-option'
  | 'argument-count'
  | 'argument-value'
  | 'server-key'
  | 'duplicate-zone'
  | 'overlap'
  | 'placeholder'
  | 'file';

/** A fault in a Corefile, with its place: `Corefile:3:5: message`. */
export class CorefileError extends Error {
  readonly code: CorefileErrorCode;
  readonly at: Token | null;
  /** What else is wrong with the same Corefile. BOUNDED by its directives. */
  others: readonly CorefileError[] = [];

  constructor(code: CorefileErrorCode, message: string, at: Token | null, cause?: unknown) {
    const place = at === null ? '' : `${at.file}:${at.line}:${at.column}: `;
    super(`${place}${message}`, cause === undefined ? {} : { cause });
    this.name = 'CorefileError';
    this.code = code;
    this.at = at;
  }
}
