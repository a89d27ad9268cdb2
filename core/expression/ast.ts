/** A constant as written. `uint` marks an integer with the suffix `u`; other integers are bigint, doubles are number. */
export type Constant = string | bigint | number | boolean | null | Uint8Array;

/** The macros that walk over a list or over the keys of a map. */
export type Iteration = "all" | "exists" | "exists_one" | "map" | "filter";

/** Offset in the source text, for messages. */
interface Placed {
  readonly at: number;
}

/**
 * The `when` language as a plain tree, no library types. Filled in by platform/cel.ts, compiled to closures by
 * compile.ts. Operators are calls named as they are written (`==`, `in`, `!`, `-`, `?:`); chains of `&&` and `||` are
 * one call with all their operands.
 */
export type Expression = Placed &
  (
    | { readonly kind: "literal"; readonly value: Constant; readonly uint?: boolean }
    | { readonly kind: "variable"; readonly name: string }
    | { readonly kind: "select"; readonly operand: Expression; readonly field: string }
    | { readonly kind: "has"; readonly operand: Expression; readonly field: string }
    | { readonly kind: "index"; readonly operand: Expression; readonly key: Expression }
    | {
        readonly kind: "call";
        readonly function: string;
        /** Present when written as a method: `target.function(arguments)`. */
        readonly target?: Expression;
        readonly arguments: readonly Expression[];
      }
    | { readonly kind: "list"; readonly items: readonly Expression[] }
    | { readonly kind: "map"; readonly entries: readonly { readonly key: Expression; readonly value: Expression }[] }
    | {
        readonly kind: "iterate";
        readonly macro: Iteration;
        readonly range: Expression;
        readonly variable: string;
        /** Present for `map` with three arguments: only items for which it is true are mapped. */
        readonly filter?: Expression;
        readonly body: Expression;
      }
  );

/** An expression that a library found well-formed. */
export interface ParsedExpression {
  readonly source: string;
  readonly root: Expression;
}

/** One that is also of type bool (or dyn) and within all bounds. */
export interface CheckedExpression extends ParsedExpression {
  /** Static cost in units of about 10 ns, at most `expressionCostMax`. */
  readonly cost: number;
}

/** Why an expression is refused, at which offset, and what to do instead. */
export interface ExpressionProblem {
  readonly message: string;
  readonly at: number;
  readonly try: string;
}
