import { effectivePolicies } from "../../core/policy/effective.ts";
import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import { nameOfWorkload, type Workload } from "../../core/policy/identity.ts";
import { printId } from "../../core/policy/policy.ts";
import { CommandError } from "../errors.ts";
import type { LoadedObjects } from "./load.ts";

/**
 * What the named workload enforces; without a name, the only one there is. The ports of one Deployment are one answer
 * where the same holds for all of them. Throws CommandError.
 */
export function effectiveOf(objects: LoadedObjects, name: string | undefined): EffectivePolicy {
  const workloads = objects.workloads.length > 0 ? objects.workloads : impliedWorkloads(objects);
  const names = workloads.map(({ id }) => printId(id));
  const wanted = workloads.filter((workload) => name === undefined || isNamed(workload, name));
  if (wanted.length === 0 || (wanted.length > 1 && !areOne(wanted))) throw notOne(name, names);
  const [first, ...others] = effectivePolicies({ ...objects, workloads: wanted }).effective;
  if (first === undefined) throw new CommandError("PKT0909", "the policies do not merge", "report this");
  const own = wanted.map(({ id }) => printId(id));
  if (others.some((other) => JSON.stringify(other.lines) !== JSON.stringify(first.lines))) throw notOne(name, own);
  return first;
}

function notOne(name: string | undefined, names: readonly string[]): CommandError {
  const what = name === undefined ? `${names.length} workloads are meant` : `no single workload is named ${name}`;
  const choice = names.slice(0, 8).join(", ");
  const fix = choice === "" ? "add a Workload, or a policy with targetRefs" : `name one of ${choice}`;
  return new CommandError("PKT0904", what, fix);
}

/** Whether all are ports of the pods of one controller. */
function areOne(workloads: readonly Workload[]): boolean {
  const controllers = workloads.map(({ id, cluster }) => cluster && `${id.namespace} ${cluster.kind} ${cluster.name}`);
  return controllers[0] !== undefined && new Set(controllers).size === 1;
}

/** `bank/accounts`, `accounts`, and with its port in a cluster: `bank/accounts:8080`. */
function isNamed(workload: Workload, name: string): boolean {
  const { id } = workload;
  const plain = nameOfWorkload(workload);
  return [printId(id), id.name, `${id.namespace}/${plain}`, plain].includes(name);
}

/**
 * The workloads that policies speak about in a folder without Workload objects, such as one for a cluster. Their
 * addresses are never used.
 */
function impliedWorkloads({ policies }: LoadedObjects): readonly Workload[] {
  const found = new Map<string, Workload>();
  for (const policy of policies) {
    const { target, id, origin } = policy;
    const address = { host: "127.0.0.1", port: policy.ports[0] ?? 8080 };
    const add = (name: string, labels: Readonly<Record<string, string>>): void => {
      const workload: Workload = {
        id: { kind: "Workload", namespace: id.namespace, name },
        origin,
        labels,
        listen: address,
        upstream: address,
      };
      found.set(printId(workload.id), workload);
    };
    if (target.kind === "workloads") for (const { name } of target.refs) add(name, {});
    else if (target.kind === "labels") add(id.name, target.labels);
  }
  for (const policy of found.size > 0 ? [] : policies) {
    if (policy.target.kind !== "namespace") continue;
    const { id, origin } = policy;
    const address = { host: "127.0.0.1", port: policy.ports[0] ?? 8080 };
    const workload = { id: { kind: "Workload", namespace: id.namespace, name: id.name }, origin, labels: {} };
    found.set(printId(workload.id), { ...workload, listen: address, upstream: address });
  }
  return [...found.values()];
}
