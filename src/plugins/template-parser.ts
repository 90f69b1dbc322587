/**
 * The language of Go's text/template, as far as records need it: actions become functions once, and
 * filling a template in calls them.
 *
 *   {{ .Group.a }}  {{ index .Match 1 }}  {{ parseInt .Group.b 16 8 | printf "%03d" }}
 *   {{ $x := .Name }}  {{ if eq .Type "A" }}…{{ else if … }}…{{ else }}…{{ end }}  {{ with … }}…{{ end }}
 *
 * Not here: range, define, template, block; floating point.
 */
import { FUNCTIONS } from './template-functions.ts';
import { CONSTANTS, integerFromText, syntax, WordReader } from './template-reader.ts';
import {
  cannot,
  fieldOf,
  isTrue,
  printed,
  type TemplateFields,
  type TemplateValue,
} from './template-value.ts';
import { splitTemplate, type TemplatePiece } from './template-words.ts';

/** A template, understood. */
export interface GoTemplate {
  readonly source: string;
  /** Fills it in. Throws TemplateError `execution`. */
  readonly fill: (data: TemplateFields) => string;
}

/** Reads a template. Throws TemplateError `syntax`. */
export function parseTemplate(source: string): GoTemplate {
  const render = new TemplateParser(splitTemplate(source)).parse();
  return {
    source,
    fill: (data) => render({ dot: data, variables: [['$', data]] }),
  };
}

/** What names mean at one point of a template. */
interface Scope {
  readonly dot: TemplateValue;
  /** The innermost last. BOUNDED by the template. */
  readonly variables: [name: string, value: TemplateValue][];
}

type Render = (scope: Scope) => string;
type Evaluate = (scope: Scope) => TemplateValue;
/** An operand that may be called; `final` is what a pipe gives. */
type Command = (scope: Scope, final: readonly TemplateValue[]) => TemplateValue;

/** Nested actions at most. */
const MAX_DEPTH = 100;

class TemplateParser {
  readonly #pieces: readonly TemplatePiece[];
  #at = 0;
  #depth = 0;
  /** Names declared so far, the innermost last. BOUNDED by the template. */
  readonly #declared: string[] = ['$'];

  constructor(pieces: readonly TemplatePiece[]) {
    this.#pieces = pieces;
  }

  parse(): Render {
    const [render, end] = this.#readList();
    if (end !== null) throw syntax(`unexpected {{${end.word.text}}}`);
    return render;
  }

  /** Reads up to `else`, `end` or the end of the template. */
  #readList(): [Render, WordReader | null] {
    if (++this.#depth > MAX_DEPTH) throw syntax('actions are nested too deep');
    const declaredBefore = this.#declared.length;
    const parts: Render[] = [];
    let end: WordReader | null = null;
    while (this.#at < this.#pieces.length && end === null) {
      const piece = this.#pieces[this.#at++];
      if (typeof piece === 'string') parts.push(() => piece);
      else end = this.#readAction(new WordReader(piece), parts);
    }
    this.#depth--;
    this.#declared.length = declaredBefore;
    return [(scope) => parts.map((part) => part(scope)).join(''), end];
  }

  /** Adds what an action does to `parts`; returns it when it is `else` or `end`. */
  #readAction(words: WordReader, parts: Render[]): WordReader | null {
    const { kind, text } = words.word;
    if (kind === 'name') {
      if (text === 'else' || text === 'end') return words;
      if (text === 'if' || text === 'with') {
        words.skip();
        parts.push(this.#readBranches(text, words));
        return null;
      }
      if (UNKNOWN_KEYWORDS.has(text)) throw syntax(`{{${text}}} is not known here`);
    }
    parts.push(this.#readPrinted(words));
    return null;
  }

  /** A pipeline whose value is written; one that only sets a variable writes nothing. */
  #readPrinted(words: WordReader): Render {
    const isSetting = words.isSetting;
    const evaluate = this.#readPipeline(words);
    words.expectEnd();
    return (scope) => {
      const value = evaluate(scope);
      return isSetting ? '' : printed(value);
    };
  }

  /** `if` or `with`, behind the keyword, up to its `end`. */
  #readBranches(keyword: 'if' | 'with', words: WordReader): Render {
    const declaredBefore = this.#declared.length;
    const condition = this.#readPipeline(words);
    words.expectEnd();
    const [whenTrue, end] = this.#readList();
    const whenFalse = this.#readElse(keyword, end);
    this.#declared.length = declaredBefore;
    return (scope) => {
      const variableCount = scope.variables.length;
      const value = condition(scope);
      const dot = keyword === 'with' && isTrue(value) ? value : scope.dot;
      const inner = { dot, variables: scope.variables };
      const text = isTrue(value) ? whenTrue(inner) : whenFalse(inner);
      scope.variables.length = variableCount;
      return text;
    };
  }

  /** What stands behind the first branch: `end`, `else` or `else if`. */
  #readElse(keyword: 'if' | 'with', words: WordReader | null): Render {
    if (words === null) throw syntax(`{{${keyword}}} has no {{end}}`);
    const isElse = words.isNext('else');
    words.skip();
    if (isElse && words.isNext(keyword)) {
      words.skip();
      return this.#readBranches(keyword, words);
    }
    words.expectEnd();
    if (!isElse) return () => '';
    const [render, end] = this.#readList();
    if (!end?.isNext('end')) throw syntax(`{{else}} of {{${keyword}}} has no {{end}}`);
    return render;
  }

  /** `[$x := ] COMMAND | COMMAND…` */
  #readPipeline(words: WordReader): Evaluate {
    const setting = words.isSetting ? this.#readSetting(words) : null;
    const commands = [this.#readCommand(words)];
    while (words.takeSign('|')) commands.push(this.#readCommand(words));
    const [first, ...others] = commands;
    const evaluate: Evaluate = (scope) =>
      others.reduce((value, command) => command(scope, [value]), first(scope, []));
    if (setting === null) return evaluate;
    // Behind its value, which cannot hold it yet.
    if (setting.isNew) this.#declared.push(setting.name);
    return (scope) => assign(scope, setting, evaluate(scope));
  }

  #readSetting(words: WordReader): Setting {
    const name = words.word.text;
    words.skip();
    const isNew = words.isNext(':=');
    words.skip();
    if (!isNew) this.#checkDeclared(name);
    return { name, isNew };
  }

  /** A function or method with its arguments, or a value alone. */
  #readCommand(words: WordReader): Command {
    const called = words.takeFunction();
    const operand = called === null ? this.#readOperand(words) : null;
    const args: Evaluate[] = [];
    while (words.startsOperand) {
      const name = words.takeFunction();
      if (name === null) args.push(this.#readOperand(words));
      else args.push(() => callFunction(name, []));
    }
    if (called !== null) {
      return (scope, final) => callFunction(called, [...args.map((arg) => arg(scope)), ...final]);
    }
    return (scope, final) => {
      const value = operand?.(scope);
      const all = [...args.map((arg) => arg(scope)), ...final];
      if (typeof value === 'function') return value(all);
      if (all.length > 0) throw cannot('give argument to non-function');
      return value;
    };
  }

  /** A value with the fields behind it. */
  #readOperand(words: WordReader): Evaluate {
    let operand = this.#readTerm(words);
    for (let name = words.takeJoinedField(); name !== null; name = words.takeJoinedField()) {
      const [inner, field] = [operand, name];
      operand = (scope) => fieldOf(inner(scope), field);
    }
    return operand;
  }

  #readTerm(words: WordReader): Evaluate {
    if (!words.startsOperand) throw syntax('missing value');
    const { kind, text } = words.word;
    words.skip();
    if (kind === 'text') return () => text;
    if (kind === 'number') return constant(integerFromText(text));
    if (kind === 'name') return constant(CONSTANTS.get(text));
    if (kind === 'field') {
      return text === '.' ? ({ dot }) => dot : ({ dot }) => fieldOf(dot, text.slice(1));
    }
    if (kind === 'variable') {
      this.#checkDeclared(text);
      return ({ variables }) => variables.findLast(([name]) => name === text)?.[1];
    }
    const inner = this.#readPipeline(words);
    if (!words.takeSign(')')) throw syntax('unclosed left paren');
    return inner;
  }

  #checkDeclared(name: string): void {
    if (!this.#declared.includes(name)) throw syntax(`undefined variable "${name}"`);
  }
}

/** Where a pipeline's value goes. */
interface Setting {
  readonly name: string;
  /** `:=`, not `=`. */
  readonly isNew: boolean;
}

const UNKNOWN_KEYWORDS: ReadonlySet<string> = new Set(
  'range define template block break continue'.split(' '),
);

function assign({ variables }: Scope, { name, isNew }: Setting, value: TemplateValue) {
  const known = isNew ? undefined : variables.findLast(([other]) => other === name);
  if (known === undefined) variables.push([name, value]);
  else known[1] = value;
  return value;
}

function callFunction(name: string, args: readonly TemplateValue[]): TemplateValue {
  return FUNCTIONS.get(name)?.(args);
}

function constant(value: TemplateValue): Evaluate {
  return () => value;
}
