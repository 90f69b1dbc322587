/** `range` in templates: over lists, maps in the order of their keys, and numbers. */
import { assign, type Evaluate, type Scope, type Setting } from './template-expression.ts';
import { cannot, isFields, isList, kindOf, type TemplateValue } from './template-value.ts';

/** Whether what stands behind comes next, or the loop around it ends or goes on. */
type Flow = 'next' | 'break' | 'continue';

/** Writes one part of a template to `out`. Throws TemplateError `execution`. */
export type Render = (scope: Scope, out: string[]) => Flow;

/** A `range`, read. */
export interface LoopParts {
  /** What the key and the element are called, or the element alone. */
  readonly settings: readonly Setting[];
  readonly over: Evaluate;
  readonly body: Render;
  readonly whenEmpty: Render;
}

export function loop({ settings, over, body, whenEmpty }: LoopParts): Render {
  return (scope, out) => {
    const variableCount = scope.variables.length;
    const elements = elementsOf(over(scope), settings.length);
    let isEmpty = true;
    for (const [key, dot] of elements) {
      isEmpty = false;
      spendStep(scope);
      const values = settings.length === 2 ? [key, dot] : [dot];
      settings.forEach((setting, at) => void assign(scope, setting, values[at]));
      const flow = body({ ...scope, dot }, out);
      scope.variables.length = variableCount;
      if (flow === 'break') break;
    }
    return isEmpty ? whenEmpty(scope, out) : 'next';
  };
}

/** Counts one round or call. Throws TemplateError when there were too many. */
export function spendStep({ budget }: Scope): void {
  if (--budget.steps < 0) throw cannot('go on: loops and calls take too many steps');
}

function* elementsOf(
  value: TemplateValue,
  variableCount: number,
): Generator<[key: TemplateValue, element: TemplateValue]> {
  if (value === undefined) return;
  if (typeof value === 'bigint') {
    if (variableCount > 1) throw cannot('range over int with two variables');
    for (let number = 0n; number < value; number++) yield [number, number];
  } else if (isList(value)) {
    for (const [at, element] of value.entries()) yield [BigInt(at), element];
  } else if (isFields(value) && !value.isStruct) {
    yield* [...value.fields].sort(([a], [b]) => (a < b ? -1 : 1));
  } else {
    throw cannot(`range over ${kindOf(value)}`);
  }
}
