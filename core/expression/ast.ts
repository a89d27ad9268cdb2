/**
 * The `when` language after parsing and type checking by the library in platform/: a plain tree, no library types.
 * Filled in by platform/cel, compiled to closures by core/expression/compile.ts.
 */
export type Expression =
  | { readonly kind: "literal"; readonly value: string | bigint | number | boolean | null | Uint8Array; readonly uint?: boolean }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "select"; readonly operand: Expression; readonly field: string }
  | { readonly kind: "index"; readonly operand: Expression; readonly key: Expression }
  | { readonly kind: "call"; readonly function: string; readonly target?: Expression; readonly arguments: readonly Expression[] }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "map"; readonly entries: readonly { readonly key: Expression; readonly value: Expression }[] };

/** An expression that a library found well-formed and of type bool (or dyn). */
export interface CheckedExpression {
  readonly source: string;
  readonly root: Expression;
}
