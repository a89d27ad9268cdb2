import { printId } from "../core/policy/policy.ts";
import { printProblem } from "../core/policy/problem.ts";
import { WorkloadPolicy } from "../protos/gen/picket/policy/v1alpha1/policy.ts";
import { readFolder, statFolder } from "./provider/folder.ts";
import { sourceOf } from "./provider/files.ts";
import { readText } from "./provider/read.ts";
import { emptyMemory } from "./reconcile/accepted.ts";
import { envoyTranslator } from "./reconcile/envoy-translator.ts";
import { makePlan, type Plan } from "./reconcile/plan.ts";
import { settle } from "./reconcile/settle.ts";
import { renderJson } from "./translate/envoy/any.ts";

export const compileOutputs = ["envoy", "plan", "scorer", "effective"] as const;
export type CompileOutput = (typeof compileOutputs)[number];

export function isCompileOutput(text: string | undefined): text is CompileOutput {
  return compileOutputs.some((output) => output === text);
}

interface Printer {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Prints what a folder becomes, as JSON, and the problems of its objects. Gives the exit code: 2 with any problem. */
export function compileFolder(folder: string, output: CompileOutput, { stdout, stderr }: Printer): number {
  const texts = readFolder(statFolder(folder)).map((found) => sourceOf(found, readText));
  const settled = settle({ texts }, emptyMemory, readText, 0);
  const plan = makePlan({
    settled,
    opened: new Set(),
    leaking: new Map(),
    nowMs: 0,
    translator: envoyTranslator({ kind: "socket", path: "/run/picket/scorer.sock" }),
  });
  for (const problem of settled.problems) stderr.write(`${printProblem(problem)}\n  try: ${problem.fix}\n`);
  for (const { policy, message } of plan.effective.unresolved) stderr.write(`${policy}: ${message}\n`);
  stdout.write(`${JSON.stringify(render(plan, output), printValue, 2)}\n`);
  return settled.problems.length === 0 ? 0 : 2;
}

function render(plan: Plan, output: CompileOutput): unknown {
  return plan.workloads.map(({ name, state, placements, scorer, effective }) => {
    const proxy = placements.flatMap(({ resources }) => resources);
    const common = { workload: name, state: state.kind, ...(state.kind === "closed" && { why: state.message }) };
    switch (output) {
      case "envoy":
        return { ...common, resources: proxy.map((one) => ({ name: one.name, version: one.version, ...named(one) })) };
      case "plan":
        return { ...common, plan: state.translation?.plan ?? [], problems: state.translation?.problems ?? [] };
      case "scorer":
        return { ...common, policy: scorer.map(({ bytes }) => WorkloadPolicy.toJSON(WorkloadPolicy.decode(bytes))) };
      case "effective": {
        const { mode, gates, limits, guards, failure, denial, identities, lines, sources } = effective;
        const names = {
          identities: identities.map(({ id }) => printId(id)),
          sources: sources.map(({ id }) => printId(id)),
        };
        return { ...common, mode, gates, limits, guards, failure, denial, ...names, lines };
      }
    }
  });
}

function named(resource: Parameters<typeof renderJson>[0]): { readonly resource: unknown } {
  return { resource: renderJson(resource) };
}

/** Checked expressions are for programs; the text of the condition stands beside them. */
function printValue(key: string, value: unknown): unknown {
  return key === "checked" ? undefined : value;
}
