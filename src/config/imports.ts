/**
 * Puts what `import` names in its place: a snippet defined before, or files (spec §5.1).
 *
 *   (name) { … }      defines a snippet
 *   import name       is replaced by the snippet's words
 *   import path/*.x   is replaced by the words of the files, in the order of their names
 */
import { dirname, resolve } from 'node:path';
import { CorefileError } from './corefile-error.ts';
import type { FileSource } from './file-source.ts';
import { type Environment, isWord, lex, type Word } from './lexer.ts';

/** How often snippets and files are put in at most, in one Corefile. */
const MAX_SNIPPETS = 10_000;
const MAX_FILES = 100_000;
/** Imports within imports; deeper is a mistake. */
const MAX_DEPTH = 100;
/** Words of a Corefile with everything put in: where snippets that double each other end. */
const MAX_WORDS = 1_000_000;

/** The words of a Corefile with imports put in and snippets taken out. */
export interface Expansion {
  readonly words: readonly Word[];
  /** What is strange but no error: patterns that match no file. */
  readonly warnings: readonly string[];
}

/** Expands the words of the Corefile at `path`. Throws CorefileError `import` or `syntax`. */
export function expandImports(
  path: string,
  words: readonly Word[],
  env: Environment,
  files: FileSource,
): Expansion {
  const expander = new Expander(env, files);
  expander.expand(words, [resolve(path)]);
  return { words: expander.words, warnings: expander.warnings };
}

/** Walks over words and over what they import. */
class Expander {
  readonly #env: Environment;
  readonly #files: FileSource;
  /** BOUNDED by MAX_WORDS. */
  readonly words: Word[] = [];
  /** BOUNDED by MAX_WORDS: one per `import` at most. */
  readonly warnings: string[] = [];
  /** BOUNDED by the words of the Corefile. */
  readonly #snippets = new Map<string, readonly Word[]>();
  #snippetCount = 0;
  #fileCount = 0;
  /** Braces open around the word being read. */
  #nesting = 0;

  constructor(env: Environment, files: FileSource) {
    this.#env = env;
    this.#files = files;
  }

  /**
   * Appends `words`, expanded.
   *
   * @param chain what they come from: paths, and snippet names in parentheses, outermost first
   */
  expand(words: readonly Word[], chain: readonly string[]): void {
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      const isFirst = i === 0 || word.startsLine || isWord(words[i - 1], '{');
      if (isFirst && isWord(word, 'import')) {
        this.#import(argumentOf(words, i), chain);
        i++;
      } else if (isFirst && this.#nesting === 0 && !word.literal && /^\(.+\)$/.test(word.text)) {
        i = this.#define(words, i);
      } else {
        this.#append(word);
      }
    }
  }

  #append(word: Word): void {
    if (isWord(word, '{')) this.#nesting++;
    else if (isWord(word, '}') && this.#nesting > 0) this.#nesting--;
    if (this.words.push(word) > MAX_WORDS) {
      throw new CorefileError('import', `more than ${MAX_WORDS} words with all imports`, word);
    }
  }

  /** Keeps the snippet whose name stands at `from`. Returns where its closing brace stands. */
  #define(words: readonly Word[], from: number): number {
    const name = words[from];
    const key = name.text.slice(1, -1);
    if (this.#snippets.has(key)) {
      throw new CorefileError('import', `snippet "${key}" is defined twice`, name);
    }
    if (!isWord(words[from + 1], '{')) {
      throw new CorefileError('syntax', `snippet "${key}" has no "{" behind its name`, name);
    }
    let nesting = 1;
    let end = from + 2;
    for (; end < words.length; end++) {
      if (isWord(words[end], '{')) nesting++;
      else if (isWord(words[end], '}') && --nesting === 0) break;
    }
    if (nesting > 0) {
      throw new CorefileError('syntax', `snippet "${key}" is not closed by "}"`, name);
    }
    const [first, ...others] = words.slice(from + 2, end);
    // Wherever it is put in, a snippet starts a line, as `import` did.
    const snippet = first === undefined ? [] : [{ ...first, startsLine: true }, ...others];
    this.#snippets.set(key, snippet);
    return end;
  }

  /** Puts in what `name` names. */
  #import(name: Word, chain: readonly string[]): void {
    if (chain.length > MAX_DEPTH) {
      throw new CorefileError('import', `"${name.text}" is more than ${MAX_DEPTH} deep`, name);
    }
    const snippet = this.#snippets.get(name.text);
    if (snippet === undefined) {
      this.#importFiles(name, chain);
      return;
    }
    if (++this.#snippetCount > MAX_SNIPPETS) {
      throw new CorefileError('import', `more than ${MAX_SNIPPETS} snippets put in`, name);
    }
    this.expand(snippet, lengthen(chain, `(${name.text})`, name));
  }

  #importFiles(name: Word, chain: readonly string[]): void {
    const pattern = resolve(dirname(name.file), name.text);
    if (/\*.*\*|[?[]/s.test(pattern)) {
      const message = `"${name.text}" may hold one "*" and no other wildcard`;
      throw new CorefileError('import', message, name);
    }
    const paths = this.#files.match(pattern);
    if (paths.length === 0 && !pattern.includes('*')) {
      throw new CorefileError('import', `File to import not found: "${name.text}"`, name);
    }
    if (paths.length === 0) this.warnings.push(`No files matching import pattern: ${name.text}`);
    for (const path of paths) {
      if (++this.#fileCount > MAX_FILES) {
        throw new CorefileError('import', `more than ${MAX_FILES} files put in`, name);
      }
      const deeper = lengthen(chain, path, name);
      this.expand(lex(this.#read(path, name), path, this.#env), deeper);
    }
  }

  #read(path: string, name: Word): string {
    try {
      return this.#files.read(path);
    } catch (cause) {
      throw new CorefileError('import', `reading "${path}": ${String(cause)}`, name, cause);
    }
  }
}

/** The one word that belongs to the `import` at `at`. */
function argumentOf(words: readonly Word[], at: number): Word {
  const name = words[at + 1];
  if (name === undefined || name.startsLine || name.text === '') {
    throw new CorefileError('import', 'import takes the name of a snippet or a file', words[at]);
  }
  const next = words[at + 2];
  if (next !== undefined && !next.startsLine) {
    throw new CorefileError('import', `import takes one argument, not also "${next.text}"`, next);
  }
  return name;
}

/** The chain with one more link. Throws when it is in there already. */
function lengthen(chain: readonly string[], link: string, name: Word): readonly string[] {
  if (!chain.includes(link)) return [...chain, link];
  throw new CorefileError('import', `"${name.text}" imports itself`, name);
}
