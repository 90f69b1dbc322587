/**
 * Cuts a Corefile into words (spec §5.1).
 *
 * White space separates words. A `"` at the start of a word begins a quoted one, which may hold
 * white space and line ends; `\"` is the only escape in it. `#` starts a comment anywhere outside
 * quotes. `{$NAME}` and `{%NAME%}` in a word stand for environment variables.
 */
import { CorefileError } from './corefile-error.ts';
import type { Token } from './token.ts';

/** Values of environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A word as the parser needs it. */
export interface Word extends Token {
  /** True for the first word of a line. */
  readonly startsLine: boolean;
  /**
   * True for a word that is never a brace, `import` or the name of a snippet: one in quotes, or one
   * that an environment variable was put into.
   */
  readonly literal: boolean;
}

/**
 * The words of `text`. Throws CorefileError `syntax` for a quote that is not closed.
 *
 * @param file what the words' places name
 */
export function lex(text: string, file: string, env: Environment): Word[] {
  return new Lexer(text, file, env).words();
}

/** Whether a word is a certain sign or keyword of the language. */
export function isWord(word: Word | undefined, text: string): boolean {
  return word !== undefined && word.text === text && !word.literal;
}

/** One pass over one file. */
class Lexer {
  readonly #text: string;
  readonly #file: string;
  readonly #env: Environment;
  /** BOUNDED by the length of the file. */
  readonly #words: Word[] = [];
  #at = 0;
  #line = 1;
  /** Where the line at `#at` starts. */
  #lineStart = 0;
  /** Whether the next word is its line's first. */
  #startsLine = true;

  constructor(text: string, file: string, env: Environment) {
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text;
    this.#file = file;
    this.#env = env;
  }

  words(): Word[] {
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      if (character === '#') this.#skipComment();
      else if (isSpace(character)) this.#skipSpace();
      else if (character === '"') this.#readQuoted();
      else this.#readPlain();
    }
    return this.#words;
  }

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  /** Steps over one character of white space. */
  #skipSpace(): void {
    const lineEnds = this.#text[this.#at++] === '\n';
    if (lineEnds) this.#startLine();
  }

  #startLine(): void {
    this.#line++;
    this.#lineStart = this.#at;
    this.#startsLine = true;
  }

  #readPlain(): void {
    const at = this.#place();
    const start = this.#at;
    while (this.#at < this.#text.length && !endsWord(this.#text[this.#at])) this.#at++;
    // A carriage return is no white space: it is nothing at all, wherever it stands.
    this.#push(this.#text.slice(start, this.#at).replaceAll('\r', ''), at, false);
  }

  #readQuoted(): void {
    const at = this.#place();
    const start = ++this.#at;
    let text = '';
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) throw this.#unclosed(at, start);
      if (character === '"') break;
      if (character === '\n') this.#startLine();
      if (character !== '\\') text += character;
      else text += this.#readEscape();
    }
    this.#push(text, at, true);
  }

  /** What a backslash and the character behind it mean: only quotes lose the backslash. */
  #readEscape(): string {
    const character = this.#text[this.#at++] ?? '';
    if (character === '\n') this.#startLine();
    return character === '"' ? character : `\\${character}`;
  }

  /** The place of the word that starts here. */
  #place(): WordPlace {
    return {
      line: this.#line,
      column: this.#at - this.#lineStart + 1,
      startsLine: this.#startsLine,
    };
  }

  #push(written: string, at: WordPlace, quoted: boolean): void {
    this.#startsLine = false;
    const text = fillIn(written, this.#env);
    this.#words.push({ text, file: this.#file, literal: quoted || text !== written, ...at });
  }

  #unclosed({ line, column }: WordPlace, start: number): CorefileError {
    const text = this.#text.slice(start - 1, start + 20).split('\n', 1)[0];
    const at = { text, file: this.#file, line, column };
    return new CorefileError('syntax', `${text} is not closed by another quote`, at);
  }
}

type WordPlace = Pick<Word, 'line' | 'column' | 'startsLine'>;

/** White space as Go's unicode.IsSpace has it: U+0085 is, a byte order mark is not. */
function isSpace(character: string): boolean {
  if (character < '\u0080') return character === ' ' || (character >= '\t' && character <= '\r');
  return character !== '\uFEFF' && /[\s\u0085]/.test(character);
}

function endsWord(character: string): boolean {
  return character === '#' || (character !== '\r' && isSpace(character));
}

/** Replaces references to environment variables; one that is not set stands for nothing. */
function fillIn(text: string, env: Environment): string {
  if (!text.includes('{')) return text;
  return text.replace(
    /\{\$([^}]+)\}|\{%([^%]+)%\}/g,
    (_, unix, windows) => env[unix ?? windows] ?? '',
  );
}
