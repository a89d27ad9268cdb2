import type { EvaluationError, Value } from "./value.ts";
import type { Expression } from "./ast.ts";

/** A value that an expression reads directly from its context. Undefined when there is none: an evaluation error. */
export interface ValueField<C> {
  readonly kind: "value";
  /** Upper bound of characters or items, for the static cost; without it the general bounds hold. */
  readonly sizeMax?: number;
  /** True when it never is a list or a map, so that comparing it is cheap. */
  readonly isText?: boolean;
  read(context: C): Value | EvaluationError | undefined;
}

/** An int that always is an exact JavaScript number; compared with constants without bigint. */
export interface IntegerField<C> {
  readonly kind: "integer";
  read(context: C): number | undefined;
}

/** A map that can only be asked for one key at a time, so that nothing is built to read it. */
export interface KeyedField<C> {
  readonly kind: "keyed";
  readonly sizeMax?: number;
  /** True when no entry ever is a list or a map. */
  readonly isText?: boolean;
  /** What one read costs at most, when that is more than a look-up. */
  readonly cost?: number;
  /** The form of a key that `entry` knows, such as lower case. */
  normalise?(key: string): string;
  entry(context: C, key: string): Value | EvaluationError | undefined;
}

/** A list of texts with its own membership test. */
export interface TextsField<C> {
  readonly kind: "texts";
  read(context: C): readonly string[] | EvaluationError;
  includes(context: C, text: string): boolean | EvaluationError;
}

export type Field<C> = ValueField<C> | IntegerField<C> | KeyedField<C> | TextsField<C>;

/** A variable: one field, or a name space of fields (`request.method`). */
export type Variable<C> = Field<C> | { readonly kind: "fields"; readonly fields: ReadonlyMap<string, Field<C>> };

/** The variables that expressions over a context C may read, compiled into direct reads. */
export type Schema<C> = ReadonlyMap<string, Variable<C>>;

/**
 * The variable or field that an expression names, undefined when it names none. `isLocal` says which names are
 * iteration variables at this place: they hide the schema's.
 */
export function fieldOf<C>(
  schema: Schema<C>,
  node: Expression,
  isLocal: (name: string) => boolean,
): Variable<C> | undefined {
  if (node.kind === "variable") return isLocal(node.name) ? undefined : schema.get(node.name);
  const name = constantField(node);
  if (name === undefined || (node.kind !== "select" && node.kind !== "index")) return undefined;
  if (node.operand.kind !== "variable") return undefined;
  const variable = fieldOf(schema, node.operand, isLocal);
  return variable?.kind === "fields" ? variable.fields.get(name) : undefined;
}

/** `b` for `a.b` and `a["b"]`. */
export function constantField(node: Expression): string | undefined {
  if (node.kind === "select") return node.field;
  if (node.kind !== "index" || node.key.kind !== "literal") return undefined;
  return typeof node.key.value === "string" ? node.key.value : undefined;
}

/** `a.b.c` for a chain of selections from a variable, undefined for anything else. */
export function dottedName(node: Expression): string | undefined {
  if (node.kind === "variable") return node.name;
  if (node.kind !== "select") return undefined;
  const operand = dottedName(node.operand);
  return operand === undefined ? undefined : `${operand}.${node.field}`;
}
