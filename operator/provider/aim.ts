import { nameOfWorkload, type Workload } from "../../core/policy/identity.ts";
import { printId, type ObjectId, type Target } from "../../core/policy/policy.ts";
import type { Aim } from "./provider.ts";

/**
 * Whom a broken policy means. Where that cannot be told, everybody it could mean: its namespace, or everything. Wider
 * is safer here, since the workloads meant are kept closed.
 */
export function aimOfPolicy(id: ObjectId, target: Target | undefined): Aim {
  if (target?.kind === "workloads" && id.namespace !== "") {
    return { kind: "workloads", namespace: id.namespace, names: target.refs.map(({ name }) => name) };
  }
  if (target?.kind === "cluster" && target.namespaces.length > 0) {
    return { kind: "namespaces", names: target.namespaces };
  }
  return id.namespace === "" ? { kind: "everything" } : { kind: "namespaces", names: [id.namespace] };
}

/**
 * Whom a text means that is no YAML, by what stands in it: the workloads that its `targetRefs` name where it is plainly
 * one policy, else every namespace that it names, else everything.
 */
export function aimOfText(text: string): Aim {
  const kinds = valuesOf(text, "kind", "[A-Za-z]*");
  const namespaces = [...new Set(valuesOf(text, "namespace", "[a-z0-9-]+"))];
  const ours = kinds.filter((kind) => /^(Api|Cluster|Picket|Workload)/.test(kind));
  const isClusterWide = ours.some((kind) => /^(Cluster|Picket)/.test(kind));
  // Fewer namespaces than objects: one of them may be missing.
  if (isClusterWide || namespaces.length === 0 || namespaces.length < ours.length) return { kind: "everything" };
  const names = targetNames(text);
  const [namespace] = namespaces;
  if (ours.length === 1 && ours[0] === "ApiPolicy" && namespace !== undefined && names.length > 0) {
    return { kind: "workloads", namespace, names };
  }
  return { kind: "namespaces", names: namespaces };
}

/** Names in the one complete `targetRefs: [{…, name: x}, …]` of a text; none when there is any doubt. */
function targetNames(text: string): readonly string[] {
  const lists = [...text.matchAll(/\btargetRefs\s*:\s*(.*)/g)];
  // Blanks belong to one place of the pattern only: in two places, a list that ends wrongly takes exponential time.
  const list = /^\[(\s*(?:\{[^{}[\]\n]*\}\s*(?:,\s*)?)+)\]\s*(?:#.*)?$/.exec(lists[0]?.[1] ?? "")?.[1];
  if (lists.length !== 1 || list === undefined || /\bselector\s*:/.test(text)) return [];
  const names = valuesOf(list, "name", "[a-z0-9.-]+");
  return names.length === list.split("{").length - 1 ? names : [];
}

function valuesOf(text: string, key: string, value: string): string[] {
  const pattern = new RegExp(`(?<![\\w.-])["']?${key}["']?\\s*:\\s*["']?(${value})`, "g");
  return [...text.matchAll(pattern)].map(([, found]) => found ?? "");
}

/** Whether a broken object may have been about this workload. By any name of it: wider is safer here. */
export function isAimedAt(aim: Aim, workload: Workload): boolean {
  const { id, cluster } = workload;
  switch (aim.kind) {
    case "everything":
      return true;
    case "namespaces":
      return aim.names.includes(id.namespace);
    case "workloads":
      return (
        aim.namespace === id.namespace &&
        [nameOfWorkload(workload), ...(cluster?.services ?? [])].some((name) => aim.names.includes(name))
      );
  }
}

/** Nobody: for objects that protect nothing. */
export const nobody: Aim = { kind: "namespaces", names: [] };

/** `ApiPolicy bank/accounts` */
export function printObject(id: ObjectId): string {
  return `${id.kind} ${printId(id)}`;
}
