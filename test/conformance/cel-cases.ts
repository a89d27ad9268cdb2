import { tests as conformance } from "@bufbuild/cel-spec/testdata/conformance.js";
import type { WireValue } from "./cel-value.ts";

/** One published test: an expression, what is bound, and its value or that it is an error. */
export interface ConformanceCase {
  /** `suite/section/name`. */
  readonly name: string;
  readonly expression: string;
  /** Names that expressions are resolved in; only messages live there. */
  readonly container: string;
  readonly declarations: readonly { readonly name: string; readonly type: string }[];
  readonly bindings: ReadonlyMap<string, WireValue>;
  readonly checkOnly: boolean;
  /** Undefined: evaluation must be an error. */
  readonly expected: WireValue | undefined;
}

interface Suite {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: Original }[];
}

/** cel.expr.conformance.test.SimpleTest in its JSON form. */
interface Original {
  readonly name?: string;
  readonly expr: string;
  readonly container?: string;
  readonly checkOnly?: boolean;
  readonly typeEnv?: readonly { readonly name: string; readonly ident?: unknown }[];
  readonly bindings?: Readonly<Record<string, { readonly value: WireValue }>>;
  readonly value?: WireValue;
  readonly typedResult?: { readonly result?: WireValue };
  readonly evalError?: unknown;
  readonly anyEvalErrors?: unknown;
}

/** Every published simple test. */
export function conformanceCases(): readonly ConformanceCase[] {
  return casesOf(conformance, []);
}

function casesOf(suite: Suite, path: readonly string[]): ConformanceCase[] {
  const here = (suite.tests ?? []).map(({ original }) => caseOf(original, path.join("/")));
  return [...here, ...(suite.suites ?? []).flatMap((inner) => casesOf(inner, [...path, inner.name]))];
}

function caseOf(original: Original, section: string): ConformanceCase {
  const isError = original.evalError !== undefined || original.anyEvalErrors !== undefined;
  // A test that says nothing expects true (simple.proto, "value").
  const value = original.value ?? original.typedResult?.result ?? { boolValue: true };
  return {
    name: `${section}/${original.name ?? original.expr}`,
    expression: original.expr,
    container: original.container ?? "",
    declarations: (original.typeEnv ?? []).map(({ name, ident }) => ({
      name,
      type: JSON.stringify(ident ?? "function"),
    })),
    bindings: new Map(Object.entries(original.bindings ?? {}).map(([name, bound]) => [name, bound.value])),
    checkOnly: original.checkOnly === true,
    expected: isError ? undefined : value,
  };
}
