/** What the lexer and the parser hand on: words with their place, directives with their lines. */

/** One word of a Corefile. */
export interface Token {
  readonly text: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
}

/** One line inside a directive's braces: its words, and the lines of braces of its own. */
export interface OptionLine {
  readonly words: readonly Token[];
  readonly lines: readonly OptionLine[];
}

/** One use of a directive: `name arguments… { lines }`. */
export interface DirectiveUse {
  readonly name: Token;
  readonly args: readonly Token[];
  /** Lines within braces; empty without braces. */
  readonly lines: readonly OptionLine[];
  /** True when braces were written, though there may be nothing in them. */
  readonly hasBraces: boolean;
}

/** One server block as written: its keys, and its directives in the order of the file. */
export interface ServerBlock {
  readonly keys: readonly Token[];
  readonly directives: readonly DirectiveUse[];
}
