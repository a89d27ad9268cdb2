import { parseTemplate, type Template } from "../../core/catalog/template.ts";
import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import type { Method, OperationMatch } from "../../core/policy/policy.ts";

/** What a rule or a limit speaks about: one method, or `*` for every method, on one path template. */
export interface Operation {
  readonly method: Method | "*";
  readonly template: Template;
}

/** Stands for every request that no rule and no limit names. */
export const everythingElse = "everything else";

/** Routes and metrics name operations this way: `GET /v1/accounts/{accountId}`. */
export function printMethodAndPath(operation: Operation): string {
  return `${operation.method} ${operation.template.text}`;
}

/** The distinct operations of rules and limits, in the order of their names. */
export function operationsOf(policy: Pick<EffectivePolicy, "gates" | "limits">): readonly Operation[] {
  const found = new Map<string, Operation>();
  const matches = [...policy.gates.flatMap((gate) => gate.rules), ...policy.limits].flatMap((clause) => clause.match);
  for (const match of matches)
    for (const operation of operationsIn(match)) found.set(printMethodAndPath(operation), operation);
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, operation]) => operation);
}

/** Empty for a template that the parser of policies should have refused: such a match is "everything else". */
export function operationsIn(match: OperationMatch): readonly Operation[] {
  const template = parseTemplate(match.path);
  if (template.kind === "problem") return [];
  const methods = match.methods.length === 0 ? (["*"] as const) : match.methods;
  return methods.map((method) => ({ method, template }));
}

/** Whether some request belongs to both. Typed parameters count as any text, so "yes" may be said too often, "no" never. */
export function meet(a: Operation, b: Operation): boolean {
  if (a.method !== "*" && b.method !== "*" && judgedAs(a.method) !== judgedAs(b.method)) return false;
  const [left, right] = [a.template.segments, b.template.segments];
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const [x, y] = [left[i], right[i]];
    // A Deny ignores letter case, so a different case still meets.
    if (x?.kind === "literal" && y?.kind === "literal" && x.text.toLowerCase() !== y.text.toLowerCase()) return false;
  }
  if (left.length === right.length) return true;
  return left.length < right.length ? a.template.rest : b.template.rest;
}

/** HEAD is judged as GET. */
function judgedAs(method: Method): Method {
  return method === "HEAD" ? "GET" : method;
}
