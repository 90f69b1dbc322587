/** Cuts a template into text and actions, and actions into words. */
import { TemplateError } from './template-value.ts';

/** One word of an action. */
export interface TemplateWord {
  readonly kind: 'field' | 'variable' | 'name' | 'text' | 'number' | 'sign';
  /** Of a `text` its content; else as it was written. */
  readonly text: string;
  /** Nothing stands between it and the word before. */
  readonly isJoined: boolean;
}

/** Text to copy, or the words between `{{` and `}}`. */
export type TemplatePiece = string | readonly TemplateWord[];

/** The pieces of a template, white space trimmed where `{{-` and `-}}` say so. */
export function splitTemplate(source: string): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let at = 0;
  let trimsStart = false;
  for (;;) {
    const open = source.indexOf('{{', at);
    const text = source.slice(at, open < 0 ? undefined : open);
    const trimsEnd = open >= 0 && /^-\s/.test(source.slice(open + 2, open + 4));
    pieces.push(trimmed(text, trimsStart, trimsEnd));
    if (open < 0) return pieces;
    const action = readAction(source, open + (trimsEnd ? 3 : 2));
    if (action.words.length > 0) pieces.push(action.words);
    trimsStart = action.trims;
    at = action.end;
  }
}

function trimmed(text: string, atStart: boolean, atEnd: boolean): string {
  const rest = atStart ? text.trimStart() : text;
  return atEnd ? rest.trimEnd() : rest;
}

/** What may come next in an action; the first that fits is taken. */
const WORD =
  /(?<end>\s-\}\}|\}\})|(?<space>\s)|(?<comment>\/\*[\s\S]*?\*\/)|(?<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?<character>'(?:[^'\\\n]|\\.)+')|(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|\d+)(?![\w.]))|(?<variable>\$\w*)|(?<field>\.[A-Za-z_]\w*|\.)|(?<name>[A-Za-z_]\w*)|(?<sign>:=|[=|(),])/y;

function readAction(source: string, start: number) {
  const words: TemplateWord[] = [];
  let isJoined = false;
  let hasComment = false;
  WORD.lastIndex = start;
  for (;;) {
    const at = WORD.lastIndex;
    const groups = WORD.exec(source)?.groups;
    if (groups === undefined) {
      const rest = source.slice(at, at + 20);
      throw new TemplateError('syntax', rest === '' ? 'unclosed action' : `unexpected "${rest}"`);
    }
    if (groups.comment !== undefined) hasComment = true;
    if (groups.end !== undefined) {
      if (words.length === 0 && !hasComment) throw new TemplateError('syntax', 'missing value');
      return { words, end: WORD.lastIndex, trims: groups.end.includes('-') };
    }
    const word = wordOf(groups, isJoined);
    if (word !== null) words.push(word);
    isJoined = word !== null;
  }
}

function wordOf(
  groups: Readonly<Record<string, string | undefined>>,
  isJoined: boolean,
): TemplateWord | null {
  const { text, character } = groups;
  if (text !== undefined) return { kind: 'text', text: unquoted(text), isJoined };
  if (character !== undefined) {
    const code = unquoted(character).codePointAt(0) ?? 0;
    return { kind: 'number', text: String(code), isJoined };
  }
  for (const kind of ['number', 'variable', 'field', 'name', 'sign'] as const) {
    const found = groups[kind];
    if (found !== undefined) return { kind, text: found, isJoined };
  }
  return null;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07' };

/** The content of a quoted text, as Go reads it. */
function unquoted(quoted: string): string {
  const inside = quoted.slice(1, -1);
  if (quoted.startsWith('`')) return inside;
  return inside.replace(/\\(?:x(..)|u(....)|([0-7]{3})|(.))/gs, (_all, hex, code, octal, other) => {
    const digits = hex ?? code;
    if (digits !== undefined) return String.fromCharCode(Number.parseInt(digits, 16));
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    return ESCAPES[other] ?? other;
  });
}
