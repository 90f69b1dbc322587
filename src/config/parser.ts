/**
 * Reads a Corefile into server blocks as they are written (spec §5.1); what the directives mean is
 * not known here.
 *
 *   key, key {            one or more keys; the brace may stand on the next line
 *       directive word …
 *       directive word {  options, one a line, which may have braces of their own
 *           option word …
 *       }
 *   }
 */
import { CorefileError } from './corefile-error.ts';
import { diskFiles, type FileSource } from './file-source.ts';
import { expandImports } from './imports.ts';
import { type Environment, isWord, lex, type Word } from './lexer.ts';
import type { DirectiveUse, OptionLine, ServerBlock, Token } from './token.ts';

/** A Corefile and what its references are resolved with. */
export interface CorefileSource {
  readonly text: string;
  /** Named in errors; imports are relative to its folder. */
  readonly path: string;
  readonly env: Environment;
}

/** A Corefile as written, with imports put in. */
export interface ParsedCorefile {
  /** As it was read, imports not put in. */
  readonly text: string;
  readonly blocks: readonly ServerBlock[];
  /** What is strange but no error. */
  readonly warnings: readonly string[];
}

/** Reads a Corefile. Throws CorefileError `syntax` or `import`. */
export function parseCorefile(
  { text, path, env }: CorefileSource,
  files: FileSource = diskFiles,
): ParsedCorefile {
  const { words, warnings } = expandImports(path, lex(text, path, env), env, files);
  return { text, blocks: new Parser(words).blocks(), warnings };
}

/** Options within options; deeper is a mistake. */
const MAX_NESTING = 100;

/** One pass over the words of a Corefile. */
class Parser {
  readonly #words: readonly Word[];
  #at = 0;

  constructor(words: readonly Word[]) {
    this.#words = words;
  }

  blocks(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    while (this.#at < this.#words.length) blocks.push(this.#block());
    return blocks;
  }

  #block(): ServerBlock {
    const keys = this.#keys();
    if (isWord(this.#words[this.#at], '{')) {
      const open = this.#words[this.#at++];
      const directives = this.#directives();
      if (this.#at++ >= this.#words.length) throw notClosed(open);
      return { keys, directives };
    }
    // Only a file that holds nothing but one block may leave out its braces.
    const directives = this.#directives();
    const rest = this.#words[this.#at];
    if (rest !== undefined) throw unexpected(rest);
    return { keys, directives };
  }

  /** The keys up to the brace or the end of their line; a comma at the end continues them. */
  #keys(): Token[] {
    const keys: Token[] = [];
    let comma: Word | null = null;
    for (;;) {
      const word = this.#words[this.#at];
      const isEnd = word === undefined || isWord(word, '{');
      if (isEnd && comma !== null) {
        throw new CorefileError('syntax', `"${comma.text}": no key behind the comma`, comma);
      }
      if (isEnd && keys.length === 0) throw unexpected(word ?? this.#words[this.#at - 1]);
      if (isEnd || (word.startsLine && comma === null && keys.length > 0)) return keys;
      if (isWord(word, '}')) throw unexpected(word);
      comma = word.text.endsWith(',') ? word : null;
      const text = comma === null ? word.text : word.text.slice(0, -1);
      if (text !== '') keys.push(place(word, text));
      this.#at++;
    }
  }

  /** The directives up to the end or a closing brace, which is left standing. */
  #directives(): DirectiveUse[] {
    const directives: DirectiveUse[] = [];
    for (;;) {
      const word = this.#words[this.#at];
      if (word === undefined || isWord(word, '}')) return directives;
      if (isWord(word, '{')) throw unexpected(word);
      directives.push(this.#directive());
    }
  }

  #directive(): DirectiveUse {
    const name = this.#words[this.#at++];
    const args = this.#restOfLine();
    const open = this.#words[this.#at];
    if (isWord(open, '{')) {
      this.#at++;
      return { name: place(name), args, lines: this.#lines(open, 1), hasBraces: true };
    }
    // `. { errors }` hides where the block ends: the original refuses it too.
    if (isWord(open, '}') && !open.startsLine) throw unexpected(open);
    return { name: place(name), args, lines: [], hasBraces: false };
  }

  /** Option lines up to the closing brace, which is read too. */
  #lines(open: Word, nesting: number): OptionLine[] {
    if (nesting > MAX_NESTING) {
      throw new CorefileError('syntax', `more than ${MAX_NESTING} braces within each other`, open);
    }
    const lines: OptionLine[] = [];
    for (;;) {
      const word = this.#words[this.#at];
      if (word === undefined) throw notClosed(open);
      if (isWord(word, '{')) throw unexpected(word);
      this.#at++;
      if (isWord(word, '}')) {
        this.#endLine();
        return lines;
      }
      const words = [place(word), ...this.#restOfLine()];
      const brace = this.#words[this.#at];
      const opens = isWord(brace, '{');
      if (opens) this.#at++;
      lines.push({ words, lines: opens ? this.#lines(brace, nesting + 1) : [] });
    }
  }

  /** Behind a closing brace only another one may stand on the same line. */
  #endLine(): void {
    const word = this.#words[this.#at];
    if (word === undefined || word.startsLine || isWord(word, '}')) return;
    throw unexpected(word);
  }

  /** The words up to a brace or the end of the line. */
  #restOfLine(): Token[] {
    const words: Token[] = [];
    for (;;) {
      const word = this.#words[this.#at];
      if (word === undefined || word.startsLine || isWord(word, '{') || isWord(word, '}')) {
        return words;
      }
      words.push(place(word));
      this.#at++;
    }
  }
}

/** A word without what only the parser needs. */
function place({ text, file, line, column }: Word, shown = text): Token {
  return { text: shown, file, line, column };
}

function unexpected(word: Word): CorefileError {
  return new CorefileError('syntax', `unexpected "${word.text}"`, word);
}

function notClosed(open: Word): CorefileError {
  return new CorefileError('syntax', '"{" is not closed by "}"', open);
}
