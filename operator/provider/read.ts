import type { ObjectId } from "../../core/policy/policy.ts";
import { isLaterKind, parseObject, type ParsedObject } from "../../core/policy/parse.ts";
import type { ObjectChecks } from "../../core/policy/parse/object-checks.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { checkWhen } from "../../platform/cel.ts";
import { readYamlFile } from "../../platform/yaml.ts";
import { policyKinds } from "../reconcile/in-force.ts";
import { aimOfPolicy, aimOfText, nobody } from "./aim.ts";
import type { Aim, ReadText, SourceObject, SourceText, Unreadable } from "./provider.ts";

const checks: ObjectChecks = { when: checkWhen };

/** Reads a YAML text into objects. Each document stands for itself: a broken one does not harm its neighbours. */
export const readText: ReadText = (text, file): SourceText => {
  const { documents, problems } = readYamlFile(text, file);
  const objects: SourceObject[] = [];
  const unreadable: Unreadable[] = [...Map.groupBy(problems, (problem) => partOf(text, problem.line))].map(
    ([part, found]) => ({ problems: found, aim: aimOfText(part) }),
  );
  for (const document of documents) {
    const parsed = parseObject(document, checks);
    if (parsed.kind === "skipped") continue;
    if (parsed.kind !== "invalid") {
      const { id, origin } = contentOf(parsed);
      objects.push({ kind: "valid", id, line: origin.line, object: parsed });
    } else if (parsed.id === undefined) {
      unreadable.push({ problems: parsed.problems, aim: aimOfDocument(document.value) });
    } else {
      const { id, target, problems: found } = parsed;
      objects.push({ kind: "invalid", id, line: document.lineOf(""), problems: found, aim: aimOf(id, target) });
    }
  }
  return { file, text, objects, unreadable };
};

function contentOf(object: Exclude<ParsedObject, { kind: "skipped" | "invalid" }>): {
  readonly id: ObjectId;
  readonly origin: { readonly line: number };
} {
  switch (object.kind) {
    case "policy":
      return object.policy;
    case "identity":
      return object.identity;
    case "workload":
      return object.workload;
    case "config":
      return { id: { kind: "PicketConfig", namespace: "", name: "default" }, origin: object.config.origin };
  }
}

function aimOf(id: ObjectId, target: Parameters<typeof aimOfPolicy>[1]): Aim {
  if (policyKinds.has(id.kind)) return aimOfPolicy(id, target);
  // An install setting may decide whose address counts. Identities are found by who refers to them.
  return id.kind === "PicketConfig" ? { kind: "everything" } : nobody;
}

/** Whom a document means that is YAML but no object of ours that could be named. */
function aimOfDocument(value: unknown): Aim {
  const kind = field(value, "kind");
  if (isLaterKind(kind)) return nobody;
  const namespace = field(field(value, "metadata"), "namespace");
  if (typeof kind !== "string" || kind.startsWith("Cluster") || typeof namespace !== "string") {
    return { kind: "everything" };
  }
  return { kind: "namespaces", names: [namespace] };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The document of a text that holds a line, by its `---`. */
function partOf(text: string, line: ObjectProblem["line"]): string {
  const lines = text.split("\n");
  const isMark = (one: string): boolean => /^---(\s|$)/.test(one);
  const start = lines.slice(0, Math.max(0, line)).findLastIndex(isMark);
  const end = lines.findIndex((one, index) => index > start && index >= line && isMark(one));
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}
