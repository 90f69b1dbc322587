/**
 * The language of Go's text/template, as far as records need it: actions become functions once, and
 * filling a template in calls them.
 *
 *   {{ .Group.a }}  {{ index .Match 1 }}  {{ parseInt .Group.b 16 8 | printf "%03d" }}
 *   {{ $x := .Name }}  {{ if eq .Type "A" }}…{{ else if … }}…{{ else }}…{{ end }}  {{ with … }}…{{ end }}
 *   {{ range $i, $x := .Match }}…{{ break }}{{ continue }}…{{ else }}…{{ end }}
 *   {{ define "x" }}…{{ end }}  {{ template "x" .Group }}  {{ block "x" . }}…{{ end }}
 *
 * Not here: floating point.
 */
import { ExpressionReader, type Scope } from './template-expression.ts';
import { loop, type Render, spendStep } from './template-loop.ts';
import { syntax, WordReader } from './template-reader.ts';
import { cannot, isTrue, printed, type TemplateFields } from './template-value.ts';
import { splitTemplate, type TemplatePiece } from './template-words.ts';

/** A template, understood. */
export interface GoTemplate {
  readonly source: string;
  /** Fills it in. Throws TemplateError `execution`. */
  readonly fill: (data: TemplateFields) => string;
}

/** Nested actions at most; and calls within calls. */
const MAX_DEPTH = 100;
/** What one record may cost. */
const MAX_STEPS = 1000;

/** Reads a template. Throws TemplateError `syntax`. */
export function parseTemplate(source: string): GoTemplate {
  const render = new TemplateParser(splitTemplate(source)).parse();
  return {
    source,
    fill: (data) => {
      const out: string[] = [];
      const budget = { steps: MAX_STEPS, depth: MAX_DEPTH };
      render({ dot: data, variables: [['$', data]], budget }, out);
      return out.join('');
    },
  };
}

type Branching = 'if' | 'with' | 'range';

class TemplateParser {
  readonly #pieces: readonly TemplatePiece[];
  #at = 0;
  #depth = 0;
  /** Loops around what is read. */
  #loops = 0;
  #expressions = new ExpressionReader();
  /** Templates by name. BOUNDED by the template. */
  readonly #defined = new Map<string, Render>();
  /** Names of templates that are called. BOUNDED by the template. */
  readonly #called = new Set<string>();

  constructor(pieces: readonly TemplatePiece[]) {
    this.#pieces = pieces;
  }

  parse(): Render {
    const [render, end] = this.#readList();
    if (end !== null) throw syntax(`unexpected {{${end.word.text}}}`);
    for (const name of this.#called) {
      if (!this.#defined.has(name)) throw syntax(`template "${name}" not defined`);
    }
    return render;
  }

  /** Reads up to `else`, `end` or the end of the template. */
  #readList(): [Render, WordReader | null] {
    if (++this.#depth > MAX_DEPTH) throw syntax('actions are nested too deep');
    const { declared } = this.#expressions;
    const declaredBefore = declared.length;
    const parts: Render[] = [];
    let end: WordReader | null = null;
    while (this.#at < this.#pieces.length && end === null) {
      const piece = this.#pieces[this.#at++];
      if (typeof piece === 'string') parts.push(literal(piece));
      else end = this.#readAction(new WordReader(piece), parts);
    }
    this.#depth--;
    declared.length = declaredBefore;
    return [sequence(parts), end];
  }

  /** Adds what an action does to `parts`; returns it when it is `else` or `end`. */
  #readAction(words: WordReader, parts: Render[]): WordReader | null {
    const { kind, text } = words.word;
    const keyword = kind === 'name' ? text : '';
    if (keyword === 'else' || keyword === 'end') return words;
    if (!KEYWORDS.has(keyword)) {
      parts.push(this.#readPrinted(words));
      return null;
    }
    words.skip();
    if (keyword === 'if' || keyword === 'with') parts.push(this.#readBranches(keyword, words));
    else if (keyword === 'range') parts.push(this.#readRange(words));
    else if (keyword === 'break' || keyword === 'continue') {
      parts.push(this.#readJump(keyword, words));
    } else if (keyword === 'define') this.#readDefinition(words, words.takeText(keyword));
    else parts.push(this.#readCall(keyword, words));
    return null;
  }

  /** A pipeline whose value is written; one that only sets a variable writes nothing. */
  #readPrinted(words: WordReader): Render {
    const isSetting = words.isSetting;
    const evaluate = this.#expressions.readPipeline(words);
    words.expectEnd();
    return (scope, out) => {
      const value = evaluate(scope);
      if (!isSetting) out.push(printed(value));
      return 'next';
    };
  }

  /** `if` or `with`, behind the keyword, up to its `end`. */
  #readBranches(keyword: 'if' | 'with', words: WordReader): Render {
    const { declared } = this.#expressions;
    const declaredBefore = declared.length;
    const condition = this.#expressions.readPipeline(words);
    words.expectEnd();
    const [whenTrue, end] = this.#readList();
    const whenFalse = this.#readElse(keyword, end);
    declared.length = declaredBefore;
    return (scope, out) => {
      const variableCount = scope.variables.length;
      const value = condition(scope);
      const inner = keyword === 'with' && isTrue(value) ? { ...scope, dot: value } : scope;
      const flow = isTrue(value) ? whenTrue(inner, out) : whenFalse(inner, out);
      scope.variables.length = variableCount;
      return flow;
    };
  }

  /** `range`, behind the keyword, up to its `end`. */
  #readRange(words: WordReader): Render {
    const { declared } = this.#expressions;
    const declaredBefore = declared.length;
    const settings = words.takeLoopVariables();
    for (const { name, isNew } of settings) if (!isNew) this.#expressions.checkDeclared(name);
    const over = this.#expressions.readPipeline(words);
    words.expectEnd();
    declared.push(...settings.map(({ name }) => name));
    this.#loops++;
    const [body, end] = this.#readList();
    this.#loops--;
    const whenEmpty = this.#readElse('range', end);
    declared.length = declaredBefore;
    return loop({ settings, over, body, whenEmpty });
  }

  /** What stands behind the first branch: `end`, `else`, `else if` or `else with`. */
  #readElse(keyword: Branching, words: WordReader | null): Render {
    if (words === null) throw syntax(`{{${keyword}}} has no {{end}}`);
    const isElse = words.isNext('else');
    words.skip();
    if (isElse && keyword !== 'range' && words.isNext(keyword)) {
      words.skip();
      return this.#readBranches(keyword, words);
    }
    words.expectEnd();
    if (!isElse) return sequence([]);
    const [render, end] = this.#readList();
    if (!end?.isNext('end')) throw syntax(`{{else}} of {{${keyword}}} has no {{end}}`);
    return render;
  }

  #readJump(keyword: 'break' | 'continue', words: WordReader): Render {
    words.expectEnd();
    if (this.#loops === 0) throw syntax(`{{${keyword}}} outside {{range}}`);
    return () => keyword;
  }

  /** `define`, behind the name, up to its `end`. What is around it is not known within. */
  #readDefinition(words: WordReader, name: string): void {
    words.expectEnd();
    if (this.#depth > 1) throw syntax(`{{define "${name}"}} within another action`);
    this.#readNamed(name, 'define');
  }

  /** `template` or `block`, behind the keyword. */
  #readCall(keyword: string, words: WordReader): Render {
    const name = words.takeText(keyword);
    const argument = words.hasMore ? this.#expressions.readPipeline(words) : () => undefined;
    words.expectEnd();
    this.#called.add(name);
    if (keyword === 'block') this.#readNamed(name, keyword);
    return (scope, out) => {
      const dot = argument(scope);
      spendStep(scope);
      if (--scope.budget.depth < 0) throw cannot(`call "${name}": calls are nested too deep`);
      const inner: Scope = { ...scope, dot, variables: [['$', dot]] };
      this.#defined.get(name)?.(inner, out);
      scope.budget.depth++;
      return 'next';
    };
  }

  /** The body of `define` or `block`. */
  #readNamed(name: string, keyword: string): void {
    if (this.#defined.has(name)) throw syntax(`template "${name}" is defined twice`);
    const [expressions, loops] = [this.#expressions, this.#loops];
    this.#expressions = new ExpressionReader();
    this.#loops = 0;
    const [render, end] = this.#readList();
    if (!end?.isNext('end')) throw syntax(`{{${keyword} "${name}"}} has no {{end}}`);
    this.#defined.set(name, render);
    [this.#expressions, this.#loops] = [expressions, loops];
  }
}

const KEYWORDS: ReadonlySet<string> = new Set(
  'if with range break continue define template block'.split(' '),
);

function literal(text: string): Render {
  return (_scope, out) => {
    out.push(text);
    return 'next';
  };
}

/** One after the other, until one leaves the loop around it. */
function sequence(parts: readonly Render[]): Render {
  return (scope, out) => {
    for (const part of parts) {
      const flow = part(scope, out);
      if (flow !== 'next') return flow;
    }
    return 'next';
  };
}
