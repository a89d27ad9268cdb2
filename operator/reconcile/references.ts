import { isMeantBy, nameOfWorkload, type Identity, type Workload } from "../../core/policy/identity.ts";
import { speaksAbout } from "../../core/policy/effective.ts";
import { nearestName } from "../../core/policy/parse/nearest-name.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";

/** What policies may refer to, as it is in force. */
export interface Referable {
  readonly workloads: readonly Workload[];
  /** The same, by namespace. */
  readonly workloadsOf: ReadonlyMap<string, readonly Workload[]>;
  /** Names by namespace; those for the whole cluster under an empty one. */
  readonly identitiesOf: ReadonlyMap<string, readonly string[]>;
}

export function referableOf(objects: {
  readonly workloads: readonly Workload[];
  readonly identities: readonly Identity[];
}): Referable {
  const identities = Map.groupBy(objects.identities, ({ id }) => id.namespace);
  return {
    workloads: objects.workloads,
    workloadsOf: Map.groupBy(objects.workloads, ({ id }) => id.namespace),
    identitiesOf: new Map([...identities].map(([namespace, found]) => [namespace, found.map(({ id }) => id.name)])),
  };
}

/** References of a policy that lead nowhere. */
export interface BrokenReferences {
  readonly targets: readonly ObjectProblem[];
  readonly identities: readonly ObjectProblem[];
}

/** Each name that a policy gives and that is not there. A namespace or the cluster may hold nothing yet. */
export function brokenReferences(policy: Policy, referable: Referable): BrokenReferences {
  return { targets: brokenTargets(policy, referable), identities: brokenIdentities(policy, referable) };
}

/** Whether one form of a policy loses more than the other. A lost target counts first: its workload is unprotected. */
export function losesMore(one: BrokenReferences, other: BrokenReferences): boolean {
  if (one.targets.length !== other.targets.length) return one.targets.length > other.targets.length;
  return one.identities.length > other.identities.length;
}

function brokenTargets(policy: Policy, { workloads, workloadsOf }: Referable): readonly ObjectProblem[] {
  const { target, id, ports } = policy;
  const { namespace } = id;
  const inNamespace = workloadsOf.get(namespace) ?? [];
  if (target.kind === "labels") {
    if (inNamespace.some((workload) => speaksAbout(policy, workload))) return [];
    const labels = Object.entries(target.labels).map((pair) => pair.join("="));
    const message = `no workload of the namespace ${namespace} has ${labels.join(", ")}${ports.length > 0 ? " and one of the ports" : ""}`;
    return [
      problemOf(policy, "PKT0106", "selector", "spec.selector", message, "mend the labels, or label the Workload"),
    ];
  }
  if (target.kind !== "workloads") return [];
  return target.refs.flatMap((ref) => {
    const found = inNamespace.filter((workload) => isMeantBy(ref, workload));
    if (found.some((workload) => speaksAbout(policy, workload))) return [];
    if (found.length > 0) {
      const message = `${ref.name} has the ports ${portsOf(found).join(" and ")}, and not ${ports.join(", ")}`;
      return [problemOf(policy, "PKT0106", "ports", "spec.ports", message, "name a port of it, or remove ports")];
    }
    const what = policy.origin.line === 0 ? ref.kind : "workload";
    const message = `there is no ${what} ${ref.name} in the namespace ${namespace}`;
    const fix = targetFix(ref.name, policy, workloads);
    return [problemOf(policy, "PKT0106", "targetRefs", "spec.targetRefs", message, fix)];
  });
}

function portsOf(workloads: readonly Workload[]): readonly number[] {
  return [...new Set(workloads.flatMap(({ listen, upstream }) => [listen.port, upstream.port]))];
}

function targetFix(name: string, { id, origin }: Policy, workloads: readonly Workload[]): string {
  const { namespace } = id;
  const isCluster = origin.line === 0;
  const own = workloads.filter(({ id }) => id.namespace === namespace).map(nameOfWorkload);
  const near = nearestName(name, own);
  if (near !== undefined) return `did you mean ${near}?`;
  // What other namespaces of a cluster hold is not the author's to know.
  if (isCluster) return "name one whose pods declare a port, or add it";
  const elsewhere = workloads.find((workload) => nameOfWorkload(workload) === name);
  if (elsewhere !== undefined) {
    return `did you mean ${elsewhere.id.namespace}/${name}? a policy protects its own namespace only`;
  }
  return "name a Workload of the namespace, or add it";
}

function brokenIdentities(policy: Policy, { identitiesOf }: Referable): readonly ObjectProblem[] {
  const own = policy.id.namespace === "" ? [] : (identitiesOf.get(policy.id.namespace) ?? []);
  const names = [...(identitiesOf.get("") ?? []), ...own];
  return (policy.identityRefs ?? []).flatMap((name) => {
    if (names.includes(name)) return [];
    const near = nearestName(name, names);
    const fix = near === undefined ? "name an ApiIdentity of the namespace, or add it" : `did you mean ${near}?`;
    const message = `there is no identity ${name}, so no caller is known by it`;
    return [problemOf(policy, "PKT0107", "identityRefs", "spec.identityRefs", message, fix)];
  });
}

function problemOf(
  policy: Policy,
  code: ObjectProblem["code"],
  part: string,
  field: string,
  message: string,
  fix: string,
): ObjectProblem {
  const line = policy.lines.get(part) ?? policy.origin.line;
  return { code, file: policy.origin.file, line, field, message, fix };
}
