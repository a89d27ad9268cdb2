import { claimsOf, type ClaimValue } from "../../../core/access/principal.ts";
import type { Call } from "../../../core/access/call.ts";
import { compileWhen } from "../../../core/expression/compile.ts";
import { whenSchema, type WhenContext } from "../../../core/expression/schema.ts";
import { EvaluationError } from "../../../core/expression/value.ts";
import { expressionEngines, parseExpression } from "../../../platform/cel.ts";

/** What a test says about a call; everything else is absent. */
export interface Situation {
  readonly method?: "GET" | "POST";
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly claims?: Readonly<Record<string, ClaimValue>>;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly address?: string;
  readonly nowMs?: number;
}

export function contextOf(situation: Situation): WhenContext {
  const headers = new Map(Object.entries(situation.headers ?? {}));
  const parameters = new Map(Object.entries(situation.parameters ?? {}));
  const call: Call = {
    request: {
      method: situation.method ?? "GET",
      path: situation.path ?? "/",
      segmentStarts: new Int32Array(0),
      segmentEnds: new Int32Array(0),
      segmentCount: 0,
      query: situation.query ?? "",
      host: "api.example",
      headers: { get: (name) => headers.get(name), count: (name) => (headers.has(name) ? 1 : 0) },
    },
    principal:
      situation.claims === undefined
        ? { kind: "anonymous" }
        : { kind: "authenticated", id: "u-42", issuer: "https://id.example", claims: claimsOf(situation.claims) },
    sourceAddress: situation.address ?? "",
  };
  return { call, nowMs: situation.nowMs ?? 0, parameter: (name) => parameters.get(name) };
}

/** Compiles an expression that is expected to compile. */
export function compiled(source: string): { evaluate(context: WhenContext): boolean | EvaluationError; cost: number } {
  const parsed = parseExpression(source);
  if (parsed.kind === "refused") throw new Error(parsed.problem.message);
  const result = compileWhen(parsed.checked, { schema: whenSchema, ...expressionEngines });
  if (result.kind === "refused") throw new Error(result.problem.message);
  return result.when;
}

/** The answer as one word: true, false or the code of the error. */
export function answer(source: string, situation: Situation = {}): string {
  const result = compiled(source).evaluate(contextOf(situation));
  return result instanceof EvaluationError ? result.code : String(result);
}

/** Why an expression is refused when it is compiled; empty when it is not. */
export function refusal(source: string): string {
  const parsed = parseExpression(source);
  if (parsed.kind === "refused") return parsed.problem.message;
  const result = compileWhen(parsed.checked, { schema: whenSchema, ...expressionEngines });
  return result.kind === "refused" ? result.problem.message : "";
}
