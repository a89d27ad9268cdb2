import type { Iteration } from "./ast.ts";
import { bounded, EvaluationError, wrongType, type Result, type Value } from "./value.ts";

/** Where an iteration keeps its present item. Evaluation is synchronous and never re-entered. */
export interface Cell {
  value: Value;
}

/** Goes over items: what the body, and a filter where there is one, make of each. */
type Walk = (items: readonly Value[], cell: Cell, body: () => Result, filter?: () => Result) => Result;

/** The macros of CEL that iterate, by name. */
export const walks: Readonly<Record<Iteration, Walk>> = {
  all: (items, cell, body) => quantify(items, cell, body, false),
  exists: (items, cell, body) => quantify(items, cell, body, true),
  exists_one: (items, cell, body) => {
    const found = select(items, cell, body, () => true);
    return found instanceof EvaluationError ? found : found.length === 1;
  },
  map: (items, cell, body, filter) => select(items, cell, filter ?? (() => true), body),
  filter: (items, cell, body) => select(items, cell, body, () => cell.value),
};

/** Like `||` over all items when `decisive` is true, like `&&` when false. */
function quantify(items: readonly Value[], cell: Cell, body: () => Result, decisive: boolean): Result {
  let failed: EvaluationError | undefined;
  for (const item of items) {
    const value = next(cell, item) ?? body();
    if (value === decisive) return decisive;
    if (value !== !decisive) failed ??= value instanceof EvaluationError ? value : wrongType;
  }
  return failed ?? !decisive;
}

/** What `give` makes of the items that pass; any error spoils it. */
function select(
  items: readonly Value[],
  cell: Cell,
  passes: () => Result,
  give: () => Result,
): readonly Value[] | EvaluationError {
  const found: Value[] = [];
  for (const item of items) {
    const pass = next(cell, item) ?? passes();
    if (pass === false) continue;
    if (pass !== true) return pass instanceof EvaluationError ? pass : wrongType;
    const value = give();
    if (value instanceof EvaluationError) return value;
    found.push(value);
  }
  return found;
}

/** Makes an item the present one; an error when it is too large. */
function next(cell: Cell, item: Value): EvaluationError | undefined {
  const value = bounded(item);
  if (value instanceof EvaluationError) return value;
  cell.value = value;
  return undefined;
}
