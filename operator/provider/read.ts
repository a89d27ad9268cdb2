import type { ObjectId } from "../../core/policy/policy.ts";
import { isLaterKind, parseObject, type ParsedObject } from "../../core/policy/parse.ts";
import type { ObjectChecks } from "../../core/policy/parse/object-checks.ts";
import type { SourceDocument } from "../../core/policy/parse/source-document.ts";
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
  for (const document of documents) readDocument(document, objects, unreadable);
  return { file, text, objects, unreadable };
};

/** Reads the JSON text of one object of an API server. Where there are no lines, problems name fields alone. */
export const readJson: ReadText = (text, file): SourceText => {
  const objects: SourceObject[] = [];
  const unreadable: Unreadable[] = [];
  readDocument({ file, value: JSON.parse(text, withoutPrototype), lineOf: () => 0 }, objects, unreadable);
  return { file, text, objects, unreadable };
};

/** A label named like a property of every object is found only where it is written. */
function withoutPrototype(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.assign(Object.create(null) as object, value);
}

function readDocument(document: SourceDocument, objects: SourceObject[], unreadable: Unreadable[]): void {
  const parsed = parseObject(document, checks);
  if (parsed.kind === "skipped") return;
  if (parsed.kind !== "invalid") {
    const { id, origin } = contentOf(parsed);
    objects.push({ kind: "valid", id, line: origin.line, object: parsed });
  } else if (parsed.id === undefined) {
    unreadable.push({ problems: parsed.problems, aim: aimOfDocument(document.value) });
  } else {
    const { id, target, problems } = parsed;
    objects.push({ kind: "invalid", id, line: document.lineOf(""), problems, aim: aimOf(id, target) });
  }
}

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
