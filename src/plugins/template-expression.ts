/** The expressions within the actions of a template: pipelines, calls, fields, variables. */
import { FUNCTIONS } from './template-functions.ts';
import { CONSTANTS, integerFromText, syntax, type WordReader } from './template-reader.ts';
import { cannot, fieldOf, type TemplateValue } from './template-value.ts';

/** What names mean at one point of a template that is filled in. */
export interface Scope {
  readonly dot: TemplateValue;
  /** The innermost last. BOUNDED by the template. */
  readonly variables: [name: string, value: TemplateValue][];
  readonly budget: Budget;
}

/** What filling a template in may still cost: loops and calls could go on for ever. */
export interface Budget {
  /** Rounds of loops, and calls. */
  steps: number;
  /** Calls within calls. */
  depth: number;
}

export type Evaluate = (scope: Scope) => TemplateValue;
/** An operand that may be called; `final` is what a pipe gives. */
type Command = (scope: Scope, final: readonly TemplateValue[]) => TemplateValue;

/** Reads expressions. Throws TemplateError `syntax`. */
export class ExpressionReader {
  /** Names of variables so far, the innermost last. BOUNDED by the template. */
  readonly declared: string[] = ['$'];

  /** `[$x := ] COMMAND | COMMAND…` */
  readPipeline(words: WordReader): Evaluate {
    const setting = words.isSetting ? this.#readSetting(words) : null;
    const commands = [this.#readCommand(words)];
    while (words.takeSign('|')) commands.push(this.#readCommand(words));
    const [first, ...others] = commands;
    const evaluate: Evaluate = (scope) =>
      others.reduce((value, command) => command(scope, [value]), first(scope, []));
    if (setting === null) return evaluate;
    // Behind its value, which cannot hold it yet.
    if (setting.isNew) this.declared.push(setting.name);
    return (scope) => assign(scope, setting, evaluate(scope));
  }

  #readSetting(words: WordReader): Setting {
    const name = words.word.text;
    words.skip();
    const isNew = words.isNext(':=');
    words.skip();
    if (!isNew) this.checkDeclared(name);
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
      this.checkDeclared(text);
      return ({ variables }) => variables.findLast(([name]) => name === text)?.[1];
    }
    const inner = this.readPipeline(words);
    if (!words.takeSign(')')) throw syntax('unclosed left paren');
    return inner;
  }

  /** Throws TemplateError for a variable that nothing has declared. */
  checkDeclared(name: string): void {
    if (!this.declared.includes(name)) throw syntax(`undefined variable "${name}"`);
  }
}

/** Where a pipeline's value goes. */
export interface Setting {
  readonly name: string;
  /** `:=`, not `=`. */
  readonly isNew: boolean;
}

/** Gives a variable its value. */
export function assign({ variables }: Scope, { name, isNew }: Setting, value: TemplateValue) {
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
