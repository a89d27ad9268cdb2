import { compileDemands } from "../access/demands.ts";
import { parameterOf, parseTemplate, type Template } from "../catalog/template.ts";
import { compileTree, type TreeEntry } from "../catalog/tree.ts";
import type { CheckedExpression } from "../expression/ast.ts";
import type {
  CompiledEntry,
  CompiledGate,
  CompiledLimit,
  CompiledPolicy,
  PolicyToCompile,
  WhenPredicate,
} from "./compiled-policy.ts";
import type { EffectiveLimit, EffectiveRule, Gate } from "./effective-policy.ts";
import { modes, type Effect, type OperationMatch } from "./policy.ts";

/** Thrown for a policy that the parser should have refused. The caller keeps its last good policy. */
export class CompileError extends Error {
  readonly code = "policy-not-compiled";

  constructor(message: string) {
    super(message);
    this.name = "CompileError";
  }
}

/** Turns a checked condition into a predicate; comes from core/expression with the library's matchers bound in. */
export type WhenCompiler = (checked: CheckedExpression) => WhenPredicate;

/**
 * Compiles once what is evaluated for every request. The order of rules, gates' rules and limits means nothing: entries
 * are sorted by policy and rule name first. Throws CompileError.
 */
export function compilePolicy(source: PolicyToCompile, when: WhenCompiler): CompiledPolicy {
  const operations = namedOperations(source);
  return {
    source,
    gates: source.gates.map((gate) => compileGate(gate, when)),
    limits: source.limits.map((limit) => compileLimit(limit, source)),
    operations: compileTree(
      operations.map(({ template, match }, index) => ({ template, methods: match.methods, index })),
      "exact",
    ),
    operationNames: operations.map(({ template, match }) => printOperation(match, template)),
    countsOperations: source.limits.some((limit) => limit.key.some(({ kind }) => kind === "operation")),
    canaryEvidence: Object.freeze({ policy: source.workload, rule: "canary" }),
  };
}

/** `GET,HEAD /v1/accounts/{accountId}`; `*` for every method. */
export function printOperation(match: OperationMatch, template: Template): string {
  return `${match.methods.length === 0 ? "*" : match.methods.join(",")} ${template.text}`;
}

function compileGate(gate: Gate, when: WhenCompiler): CompiledGate {
  const rules = gate.rules.toSorted((a, b) => compareText(`${a.policy} ${a.name}`, `${b.policy} ${b.name}`));
  const allow = compileEntries(rules, "allow", when);
  const denied = compileEntries(rules, "deny", when);
  return {
    default: gate.default,
    demands: gate.demands,
    allowTree: compileTree(
      allow.map(({ tree }) => tree),
      "exact",
    ),
    allowEntries: allow.map(({ entry }) => entry),
    denyTree:
      denied.length === 0
        ? undefined
        : compileTree(
            denied.map(({ tree }) => tree),
            "wide",
          ),
    denyEntries: denied.map(({ entry }) => entry),
    evidence: Object.freeze({ policy: gate.policy }),
  };
}

function compileEntries(rules: readonly EffectiveRule[], effect: Effect, when: WhenCompiler) {
  const entries: { tree: TreeEntry; entry: CompiledEntry }[] = [];
  for (const rule of rules) {
    if (rule.effect !== effect) continue;
    if (rule.match.length === 0) throw new CompileError(`rule ${rule.name} matches nothing`);
    const condition = rule.when === undefined ? undefined : when(rule.when.checked);
    for (const match of rule.match) {
      const template = templateOf(match, rule.name);
      entries.push({
        tree: { template, methods: match.methods, index: entries.length },
        entry: {
          template,
          demands: compileDemands(rule.require, ownerSegment(rule, template)),
          level: rule.require.authenticationLevel ?? 0,
          when: condition,
          whenCost: rule.when?.checked.cost ?? 0,
          evidence: Object.freeze({ policy: rule.policy, rule: rule.name, operation: printOperation(match, template) }),
        },
      });
    }
  }
  return entries;
}

function ownerSegment(rule: EffectiveRule, template: Template): number {
  if (rule.require.owner === undefined) return -1;
  const segment = parameterOf(template, rule.require.owner.path);
  if (segment < 0) throw new CompileError(`rule ${rule.name}: ${template.text} has no {${rule.require.owner.path}}`);
  return segment;
}

function compileLimit(limit: EffectiveLimit, source: PolicyToCompile): CompiledLimit {
  const entries = limit.match.map((match) => ({
    template: templateOf(match, limit.name),
    methods: match.methods,
    index: 0,
  }));
  return {
    limit,
    // A limit takes away, so it matches as widely as a deny rule: another spelling is the same operation.
    tree: entries.length === 0 ? undefined : compileTree(entries, "wide"),
    evidence: Object.freeze({ policy: limit.policy, rule: limit.name }),
    isShadow: limit.mode !== undefined && modes.indexOf(limit.mode) < modes.indexOf(source.mode),
  };
}

/** Every distinct operation of the policy, most general names last so that the tree may choose. */
function namedOperations(source: PolicyToCompile): { template: Template; match: OperationMatch }[] {
  const found = new Map<string, { template: Template; match: OperationMatch }>();
  const rules = source.gates.flatMap((gate) => gate.rules);
  for (const { name, match: matches } of [...rules, ...source.limits]) {
    for (const match of matches) {
      const template = templateOf(match, name);
      found.set(printOperation(match, template), { template, match });
    }
  }
  return [...found.values()];
}

function templateOf(match: OperationMatch, name: string): Template {
  const template = parseTemplate(match.path);
  if (template.kind === "problem") throw new CompileError(`${name}: ${template.sentence}`);
  return template;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
