/** Reads the words of one action of a template. */
import { FUNCTIONS } from './template-functions.ts';
import { TemplateError, type TemplateValue } from './template-value.ts';
import type { TemplateWord } from './template-words.ts';

/** Names that are values. */
export const CONSTANTS: ReadonlyMap<string, TemplateValue> = new Map<string, TemplateValue>([
  ['true', true],
  ['false', false],
  ['nil', undefined],
]);

/** Reads the words of one action one after the other. */
export class WordReader {
  readonly #words: readonly TemplateWord[];
  #at = 0;

  constructor(words: readonly TemplateWord[]) {
    this.#words = words;
  }

  get hasMore(): boolean {
    return this.#at < this.#words.length;
  }

  /** The next word. Throws TemplateError behind the last one. */
  get word(): TemplateWord {
    const word = this.#words[this.#at];
    if (word === undefined) throw syntax('missing value');
    return word;
  }

  /** Whether a variable is given a value here. */
  get isSetting(): boolean {
    const [word, sign] = this.#words.slice(this.#at, this.#at + 2);
    return word?.kind === 'variable' && (sign?.text === ':=' || sign?.text === '=');
  }

  isNext(text: string): boolean {
    return this.#words[this.#at]?.text === text;
  }

  get startsOperand(): boolean {
    const word = this.#words[this.#at];
    return word !== undefined && (word.kind !== 'sign' || word.text === '(');
  }

  skip(): void {
    this.#at++;
  }

  takeSign(text: string): boolean {
    const word = this.#words[this.#at];
    const isThere = word?.kind === 'sign' && word.text === text;
    if (isThere) this.#at++;
    return isThere;
  }

  /** The name of a function; null when something else comes. */
  takeFunction(): string | null {
    const word = this.#words[this.#at];
    if (word?.kind !== 'name' || CONSTANTS.has(word.text)) return null;
    if (!FUNCTIONS.has(word.text)) throw syntax(`function "${word.text}" not defined`);
    this.#at++;
    return word.text;
  }

  /** The name of a field right behind the word before; null when there is none. */
  takeJoinedField(): string | null {
    const word = this.#words[this.#at];
    if (word?.kind !== 'field' || !word.isJoined || word.text === '.') return null;
    this.#at++;
    return word.text.slice(1);
  }

  /** The quoted name behind a keyword. */
  takeText(keyword: string): string {
    const { kind, text } = this.word;
    if (kind !== 'text') throw syntax(`{{${keyword}}} needs a name in quotes`);
    this.#at++;
    return text;
  }

  /** `$element :=` or `$key, $element :=` of a loop; none when it names no variables. */
  takeLoopVariables(): { readonly name: string; readonly isNew: boolean }[] {
    const [first, comma, second] = this.#words.slice(this.#at, this.#at + 3);
    const isPair = comma?.text === ',' && first?.kind === 'variable' && second?.kind === 'variable';
    if (!isPair && !this.isSetting) return [];
    this.#at += isPair ? 3 : 1;
    const isNew = this.takeSign(':=');
    if (!isNew && !this.takeSign('=')) throw syntax('missing := behind the variables of {{range}}');
    return [first, ...(isPair ? [second] : [])].map(({ text }) => ({ name: text, isNew }));
  }

  expectEnd(): void {
    if (this.hasMore) throw syntax(`unexpected "${this.word.text}"`);
  }
}

/** The value of `10`, `-3`, `0x1f`, `0b101`, `0o17`, `017`. */
export function integerFromText(text: string): bigint {
  const isNegative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '').replace(/^0(?=[0-7]+$)/, '0o');
  const value = BigInt(digits.toLowerCase());
  return isNegative ? -value : value;
}

export function syntax(message: string): TemplateError {
  return new TemplateError('syntax', message);
}
