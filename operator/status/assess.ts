import { speaksAbout } from "../../core/policy/effective.ts";
import { printId } from "../../core/policy/policy.ts";
import type { ObjectProblem } from "../../core/policy/problem.ts";
import { keyOf } from "../reconcile/accepted.ts";
import { identityKinds, policyKinds } from "../reconcile/in-force.ts";
import { scorerGroup, type Plan, type PlannedWorkload } from "../reconcile/plan.ts";
import type { Settled, SettledObject } from "../reconcile/settle.ts";
import type { Resource } from "../translate/resource.ts";
import type { Running } from "../xds/running.ts";
import type { Count, NewCondition, WorkloadStatus } from "./object-status.ts";

/** What proxies and scorers say they run. */
export interface Observed {
  readonly count: (group: string, resources: readonly Resource[]) => Running;
  readonly isProven: (workload: PlannedWorkload) => boolean;
}

/** The state of one workload: what should run, and whether it does. */
export interface WorkloadReport {
  readonly planned: PlannedWorkload;
  readonly status: WorkloadStatus;
  readonly proxies: Running;
  readonly scorers: Running;
  readonly programmed: NewCondition;
  /** Why a proxy cannot run it, where the reason is one that people can mend in a file. */
  readonly problem?: ObjectProblem | undefined;
}

export interface ObjectReport {
  readonly object: SettledObject;
  readonly conditions: readonly NewCondition[];
  readonly mode?: string | undefined;
  readonly proxies?: Count | undefined;
  readonly scorers?: Count | undefined;
  readonly overriddenBy?: readonly string[] | undefined;
  readonly workloads?: readonly WorkloadStatus[] | undefined;
}

export interface Assessment {
  readonly workloads: readonly WorkloadReport[];
  readonly objects: readonly ObjectReport[];
  /** What only showed when proxies took it over. */
  readonly problems: readonly ObjectProblem[];
  readonly ready: boolean;
  /** The first thing that is missing. */
  readonly reason: string;
}

/** Compares what should run with what does. Pure, given what was observed. */
export function assess(settled: Settled, plan: Plan, observed: Observed): Assessment {
  const workloads = plan.workloads.map((planned) => assessWorkload(planned, observed));
  const context = { settled, plan, observed, ...indexOf(workloads) };
  const objects = settled.objects.map((object) => assessObject(object, context));
  const reason = whyNotReady(settled, workloads, objects);
  const problems = workloads.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  return { workloads, objects, problems, ready: reason === "", reason };
}

function indexOf(workloads: readonly WorkloadReport[]): Pick<Context, "byWorkload" | "byPolicy"> {
  const byWorkload = new Map<string, WorkloadReport>();
  const byPolicy = new Map<string, WorkloadReport[]>();
  for (const report of workloads) {
    const { effective } = report.planned;
    byWorkload.set(keyOf(effective.workload.id), report);
    for (const { id } of effective.sources) {
      const key = keyOf(id);
      const known = byPolicy.get(key);
      if (known === undefined) byPolicy.set(key, [report]);
      else known.push(report);
    }
  }
  return { byWorkload, byPolicy };
}

/** Proxies of several groups, counted together. */
export function sumOf(counts: readonly Running[]): Running {
  return {
    current: counts.reduce((sum, { current }) => sum + current, 0),
    total: counts.reduce((sum, { total }) => sum + total, 0),
    rejected: counts.reduce((sum, { rejected }) => sum + rejected, 0),
    message: counts.find(({ message }) => message !== "")?.message ?? "",
  };
}

/** Proxies that run everything of all these workloads, each proxy counted once. */
function proxiesOf(workloads: readonly PlannedWorkload[], { count }: Observed): Running {
  const byGroup = new Map<string, Resource[]>();
  for (const { group, resources } of workloads.flatMap(({ placements }) => placements)) {
    const known = byGroup.get(group);
    if (known === undefined) byGroup.set(group, [...resources]);
    else known.push(...resources);
  }
  return sumOf([...byGroup].map(([group, resources]) => count(group, resources)));
}

function assessWorkload(planned: PlannedWorkload, observed: Observed): WorkloadReport {
  const seen = proxiesOf([planned], observed);
  const problem = takenAddress(planned, seen.message);
  const proxies = problem === undefined ? seen : { ...seen, message: problem.message };
  const scorers = observed.count(scorerGroup, planned.scorer);
  const isProven = observed.isProven(planned);
  const programmed = programmedOf(planned, proxies, scorers, isProven);
  const { state } = planned;
  return {
    planned,
    proxies,
    scorers,
    programmed,
    problem,
    status: {
      name: planned.name,
      mode: planned.effective.mode,
      revision: state.translation?.revision ?? "",
      state: state.kind,
      proven: isProven,
      message: programmed.status === "True" ? "" : programmed.message,
    },
  };
}

/** Envoy says of an address that it cannot have: `cannot bind '127.0.0.1:80': Address already in use`. */
function takenAddress({ effective: { workload } }: PlannedWorkload, refusal: string): ObjectProblem | undefined {
  const address = /cannot bind '([^']{1,80})': Address already in use/.exec(refusal)?.[1];
  if (address === undefined) return undefined;
  return {
    code: "PKT0108",
    ...workload.origin,
    field: "spec.listen",
    message: `${address} is already in use by another program`,
    fix: "end that program, or give the Workload another listen address",
  };
}

function programmedOf(planned: PlannedWorkload, proxies: Running, scorers: Running, isProven: boolean): NewCondition {
  const no = (reason: NewCondition["reason"], message: string): NewCondition => ({
    type: "Programmed",
    status: "False",
    reason,
    message: `${planned.name}: ${message}`,
  });
  if (planned.state.kind === "closed") return no("Closed", `answers 503 to everything: ${planned.state.message}`);
  if (proxies.total === 0) return no("NoProxies", "no proxy is connected");
  if (scorers.total === 0) return no("NoScorers", "no scorer is connected");
  if (proxies.rejected > 0) return no("Rejected", `a proxy refused it: ${proxies.message}`);
  if (scorers.rejected > 0) return no("Rejected", `a scorer refused it: ${scorers.message}`);
  if (proxies.current < proxies.total) return no("Pending", `${proxies.current} of ${proxies.total} proxies run it`);
  if (scorers.current < scorers.total) return no("Pending", `${scorers.current} of ${scorers.total} scorers run it`);
  if (planned.effective.mode === "enforce" && !isProven)
    return no("Unproven", "no request has shown yet that it is judged");
  return { type: "Programmed", status: "True", reason: "Programmed", message: "" };
}

interface Context {
  readonly settled: Settled;
  readonly plan: Plan;
  readonly observed: Observed;
  readonly byWorkload: ReadonlyMap<string, WorkloadReport>;
  /** Reports of the workloads in which a policy takes part, by its key. */
  readonly byPolicy: ReadonlyMap<string, readonly WorkloadReport[]>;
}

function assessObject(object: SettledObject, context: Context): ObjectReport {
  if (policyKinds.has(object.id.kind)) return assessPolicy(object, context);
  const accepted = acceptedOf(object);
  if (object.id.kind === "Workload") {
    const report = context.byWorkload.get(keyOf(object.id));
    if (report === undefined) return { object, conditions: [accepted, notInForce] };
    const { proxies, scorers, status, programmed } = report;
    return {
      object: report.problem === undefined ? object : { ...object, problems: [...object.problems, report.problem] },
      conditions: [accepted, programmed],
      mode: status.mode,
      proxies: countOf(proxies),
      scorers: countOf(scorers),
      workloads: [status],
    };
  }
  if (identityKinds.has(object.id.kind) && context.plan.stale.has(keyOf(object.id))) {
    const message = "its keys are older than a policy accepts: every credential fails";
    return { object, conditions: [accepted, { type: "Programmed", status: "False", reason: "KeysStale", message }] };
  }
  const trouble = context.plan.keyTroubles.get(keyOf(object.id));
  if (trouble === undefined) return { object, conditions: [accepted] };
  const { kind, message } = trouble;
  const programmed: NewCondition =
    kind === "missing"
      ? { type: "Programmed", status: "False", reason: "KeysMissing", message }
      : { type: "Programmed", status: "True", reason: "KeysKept", message };
  return { object, conditions: [accepted, programmed] };
}

function assessPolicy(object: SettledObject, { settled, plan, byPolicy, observed }: Context): ObjectReport {
  const policy = object.object?.kind === "policy" ? object.object.policy : undefined;
  if (policy === undefined) return { object, conditions: [acceptedOf(object), notInForce] };
  const name = printId(object.id);
  const own = byPolicy.get(keyOf(object.id)) ?? [];
  const conflict = plan.effective.conflicts.find((one) => one.policy === name);
  const unresolved = plan.effective.unresolved.filter((one) => one.policy === name).map(({ message }) => message);
  const hasTarget = own.length > 0 || settled.inForce.workloads.some((workload) => speaksAbout(policy, workload));
  const isLost = !hasTarget && (policy.target.kind === "workloads" || policy.target.kind === "labels");

  const conditions: NewCondition[] = [];
  if (object.state === "accepted" && conflict !== undefined && own.length === 0) {
    const message = `${conflict.winner} is older and speaks about the same workloads`;
    conditions.push({ type: "Accepted", status: "False", reason: "Conflicted", message });
  } else conditions.push(acceptedOf(object));
  if (unresolved.length > 0 && !isLost) {
    conditions.push({
      type: "ResolvedRefs",
      status: "False",
      reason: "RefNotResolved",
      message: unresolved.join("; "),
    });
  }
  const planned = own.map((report) => report.planned);
  const proxies = proxiesOf(planned, observed);
  const scorers = observed.count(
    scorerGroup,
    planned.flatMap(({ scorer }) => scorer),
  );
  const failing = own.find(({ programmed }) => programmed.status === "False");
  if (own.length === 0) {
    const isFine = !isLost && conflict === undefined;
    conditions.push({
      type: "Programmed",
      status: isFine ? "True" : "False",
      reason: "NoWorkloads",
      message: "it takes part in no workload",
    });
  } else conditions.push(failing?.programmed ?? own[0]!.programmed);
  return {
    object,
    conditions,
    mode: policy.mode,
    proxies: countOf(proxies),
    scorers: countOf(scorers),
    overriddenBy: overridersOf(name, own),
    workloads: own.map(({ status }) => status),
  };
}

/** Policies whose line holds instead of one of this policy's. */
function overridersOf(name: string, workloads: readonly WorkloadReport[]): readonly string[] {
  const lines = workloads.flatMap(({ planned }) => planned.effective.lines);
  const names = lines.filter(({ policy, overrides }) => policy !== name && overrides.includes(name));
  return [...new Set(names.map(({ policy }) => policy))].toSorted();
}

function acceptedOf({ state, problems, unresolved }: SettledObject): NewCondition {
  const first = problems[0];
  const message = first === undefined ? "" : printPlaced(first);
  if (unresolved !== undefined) return { type: "Accepted", status: "False", reason: unresolved, message };
  switch (state) {
    case "accepted":
      return { type: "Accepted", status: "True", reason: "Accepted", message: "" };
    case "kept":
      return { type: "Accepted", status: "False", reason: "KeptLastGood", message };
    case "refused": {
      const isUnsupported = problems.some(({ code }) => code === "PKT0202");
      return { type: "Accepted", status: "False", reason: isUnsupported ? "Unsupported" : "Invalid", message };
    }
  }
}

/** An object of an API server has no lines, and its reader knows which object it is. */
function printPlaced({ file, line, field, message, fix }: ObjectProblem): string {
  return line === 0 ? `${field}: ${message}; ${fix}` : `${file}:${line}: ${field}: ${message}`;
}

const notInForce: NewCondition = {
  type: "Programmed",
  status: "False",
  reason: "Invalid",
  message: "it was never valid, so nothing of it is in force",
};

function countOf({ current, total, rejected }: Running): Count {
  return { current, total, rejected };
}

function whyNotReady(settled: Settled, workloads: readonly WorkloadReport[], objects: readonly ObjectReport[]): string {
  const refused = settled.objects.find(({ state }) => state === "refused");
  if (refused !== undefined) return `${refused.id.kind} ${printId(refused.id)} is not valid`;
  const [unknown] = settled.unknown;
  if (unknown !== undefined) return `${unknown.file} cannot be read`;
  const lost = settled.objects.find(({ unresolved }) => unresolved !== undefined);
  if (lost !== undefined) return `${lost.id.kind} ${printId(lost.id)}: ${lost.problems[0]?.message ?? ""}`;
  for (const { programmed } of workloads) if (programmed.status === "False") return programmed.message;
  for (const { object, conditions } of objects) {
    if (!policyKinds.has(object.id.kind)) continue;
    const failed = conditions.find(({ type, status }) => type === "Programmed" && status === "False");
    if (failed !== undefined) return `${object.id.kind} ${printId(object.id)}: ${failed.message}`;
  }
  return "";
}
