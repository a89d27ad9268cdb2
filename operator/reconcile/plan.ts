import {
  effectivePolicies,
  speaksAbout,
  type EffectivePolicies,
  type RememberMerge,
} from "../../core/policy/effective.ts";
import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import type { InstallConfig, Workload } from "../../core/policy/identity.ts";
import type { EpochMs } from "../../core/limits/time.ts";
import { printId } from "../../core/policy/policy.ts";
import { isAimedAt, printObject } from "../provider/aim.ts";
import type { FetchedKeys } from "../translate/issuers.ts";
import type { EnvoyResources, Resource } from "../translate/resource.ts";
import type { Translation } from "../translate/translate.ts";
import type { CapturedPort } from "../translate/envoy/capture.ts";
import { strictnessOf } from "../translate/envoy/strictness.ts";
import type { Capture, PodShape } from "../translate/pod-shape.ts";
import type { SourceCluster } from "../provider/provider.ts";
import type { FollowedIssuer } from "../keys/key-fetcher.ts";
import { identityKinds } from "./in-force.ts";
import {
  badIdentitiesOf,
  followedIssuers,
  keysOfPolicy,
  keyTroubles,
  noKeys,
  type KeyState,
  type KeyTrouble,
  type PolicyKeys,
} from "./issuer-keys.ts";
import type { Settled, SettledObject } from "./settle.ts";

/** How policies become configuration; operator/translate, or a fake. Pure. */
export interface Translator {
  readonly install: EnvoyResources;
  workload(policy: EffectivePolicy, install: InstallConfig, keys: ReadonlyMap<string, FetchedKeys>): Translation;
  closed(workload: Workload, install: InstallConfig): EnvoyResources;
  /** What all workloads of a pod share: how requests come in, what kubelet asks. */
  pod(shape: PodShape, ports: readonly CapturedPort[], install: InstallConfig): EnvoyResources;
}

/** Proxies of a folder: one group that serves every workload. */
export const proxyGroup = "proxy";
export const scorerGroup = "scorer";

/** What no PicketConfig says. */
export const installDefault: InstallConfig = { origin: { file: "", line: 0 }, trustedHops: 0 };

export interface PlanInput {
  readonly settled: Settled;
  readonly opened: ReadonlySet<string>;
  /** Workloads whose application answered a canary, with the revision that did not protect it. */
  readonly leaking: ReadonlyMap<string, string>;
  readonly nowMs: EpochMs;
  readonly translator: Translator;
  /** What was fetched; without it nothing was. */
  readonly keyState?: KeyState;
  /** Merges of before; without it all are made anew. */
  readonly remember?: RememberMerge;
}

/** Why a workload answers 503 to everything. */
export type ClosedReason = "bad-object" | "not-translated" | "canary-failed";

/** Everything that a group of proxies must run so that a workload is judged there. */
export interface Placement {
  readonly group: string;
  readonly resources: readonly Resource[];
}

export interface PlannedWorkload {
  /** `namespace/name` */
  readonly name: string;
  readonly effective: EffectivePolicy;
  readonly state:
    | { readonly kind: "open"; readonly translation: Translation }
    | {
        readonly kind: "closed";
        readonly reason: ClosedReason;
        readonly message: string;
        readonly translation?: Translation;
      };
  /** Groups of proxies that serve it, and what must run there of it. */
  readonly placements: readonly Placement[];
  /** What scorers run of it. A closed workload keeps none that was never proven. */
  readonly scorer: readonly Resource[];
}

export interface Plan {
  readonly workloads: readonly PlannedWorkload[];
  /** Everything that each group of proxies is served. */
  readonly groups: ReadonlyMap<string, readonly Resource[]>;
  /** How requests come to the pods of a group; nothing in a folder. */
  readonly captures: ReadonlyMap<string, Capture>;
  readonly effective: EffectivePolicies;
  /** Identities whose keys are too old to be believed, `namespace/name`. */
  readonly stale: ReadonlySet<string>;
  /** Identities whose keys do not come, by kind, namespace and name. */
  readonly keyTroubles: ReadonlyMap<string, KeyTrouble>;
  /** Addresses of keys that are to be followed. */
  readonly followed: readonly FollowedIssuer[];
  /** When time alone changes the plan. */
  readonly nextMs: EpochMs | undefined;
}

/** What should run, from what is in force. Pure: equal input gives equal resources. */
export function makePlan(input: PlanInput): Plan {
  const { settled, nowMs, translator, keyState = noKeys } = input;
  const { inForce } = settled;
  const install = inForce.config ?? installDefault;
  const effective = effectivePolicies(inForce, input.remember);
  const badIdentities = badIdentitiesOf(settled.objects);
  const stale = new Set<string>();
  let nextMs: EpochMs | undefined;

  const decided = effective.effective.map((policy): DecidedWorkload => {
    const policyKeys = keysOfPolicy(policy, keyState, badIdentities, nowMs);
    for (const key of policyKeys.stale) stale.add(key);
    if (policyKeys.nextMs !== undefined) nextMs = Math.min(nextMs ?? policyKeys.nextMs, policyKeys.nextMs);
    return decide(policy, { ...input, install, policyKeys });
  });
  const placed = placeAll(decided, { translator, install, cluster: settled.cluster });
  return {
    ...placed,
    effective,
    stale,
    keyTroubles: keyTroubles(inForce, keyState),
    followed: followedIssuers(inForce, effective.effective),
    nextMs,
  };
}

/** A workload and what it becomes, before it is known which proxies serve it. */
interface DecidedWorkload extends Omit<PlannedWorkload, "placements"> {
  readonly envoy: EnvoyResources;
}

interface PlaceInput {
  readonly translator: Translator;
  readonly install: InstallConfig;
  readonly cluster: SourceCluster | undefined;
}

function placeAll(
  decided: readonly DecidedWorkload[],
  input: PlaceInput,
): Pick<Plan, "workloads" | "groups" | "captures"> {
  const shared = listOf(input.translator.install);
  if (input.cluster === undefined) {
    const workloads = decided.map(({ envoy, ...rest }) => ({
      ...rest,
      placements: [{ group: proxyGroup, resources: listOf(envoy) }],
    }));
    const all = workloads.flatMap(({ placements }) => placements.flatMap(({ resources }) => resources));
    return { workloads, groups: new Map([[proxyGroup, [...shared, ...all]]]), captures: new Map() };
  }
  const byName = new Map(decided.map((workload) => [workload.name, workload]));
  const groups = new Map<string, readonly Resource[]>();
  const placements = new Map<string, Placement[]>(decided.map(({ name }) => [name, []]));
  for (const { name: group, workloads, shape } of input.cluster.groups) {
    const here = workloads.flatMap((name) => byName.get(name) ?? []);
    const ports = here.map(({ effective, state }) => ({
      workload: effective.workload,
      strictness: state.kind === "closed" ? ("strict" as const) : strictnessOf(effective.mode),
    }));
    const pod = listOf(input.translator.pod(shape, ports, input.install));
    const own = here.map(({ name, envoy }) => {
      const resources = listOf(shape.capture === "redirect" ? { ...envoy, listeners: [] } : envoy);
      placements.get(name)?.push({ group, resources: [...resources, ...pod] });
      return resources;
    });
    groups.set(group, [...shared, ...own.flat(), ...pod]);
  }
  const workloads = decided.map(({ name, effective, state, scorer }) => ({
    name,
    effective,
    state,
    scorer,
    placements: placements.get(name) ?? [],
  }));
  const captures = new Map(input.cluster.groups.map(({ name, shape }) => [name, shape.capture]));
  return { workloads, groups, captures };
}

interface WorkloadInput extends PlanInput {
  readonly install: InstallConfig;
  readonly policyKeys: PolicyKeys;
}

function decide(policy: EffectivePolicy, input: WorkloadInput): DecidedWorkload {
  const { translator, install, leaking, policyKeys } = input;
  const name = printId(policy.workload.id);
  const common = { name, effective: policy };
  const closed = (reason: ClosedReason, message: string, translation?: Translation): DecidedWorkload => ({
    ...common,
    state: { kind: "closed", reason, message, ...(translation && { translation }) },
    envoy: translator.closed(policy.workload, install),
    scorer: translation === undefined ? [] : [translation.scorer],
  });

  const culprit = input.opened.has(name) ? undefined : whyNeverGood(policy, input.settled);
  if (culprit !== undefined) return closed("bad-object", culprit);
  let translation: Translation;
  try {
    translation = translator.workload(policyKeys.policy, install, policyKeys.keys);
  } catch (error) {
    return closed("not-translated", error instanceof Error ? error.message : "unknown fault");
  }
  if (leaking.get(name) === translation.revision) {
    return closed("canary-failed", "the application answered a request that the policy refuses", translation);
  }
  return {
    ...common,
    state: { kind: "open", translation },
    envoy: translation.envoy,
    scorer: [translation.scorer],
  };
}

/** The first broken object that may speak about this workload and never had a good form. */
function whyNeverGood(policy: EffectivePolicy, settled: Settled): string | undefined {
  const { workload } = policy;
  for (const object of settled.objects) {
    if (object.state !== "refused") continue;
    const isMeant = identityKinds.has(object.id.kind)
      ? isReferenced(object, policy, settled)
      : isAimedAt(object.aim, workload);
    const place = object.line === 0 ? "" : ` in ${object.file}:${object.line}`;
    if (isMeant) return `${printObject(object.id)}${place} is not valid`;
  }
  const part = settled.unknown.find(({ aim }) => isAimedAt(aim, workload));
  return part === undefined ? undefined : `${part.file}:${part.problems[0]?.line ?? 1} cannot be read`;
}

function isReferenced({ id }: SettledObject, { workload }: EffectivePolicy, { inForce }: Settled): boolean {
  return inForce.policies.some(
    (policy) =>
      (id.namespace === "" || policy.id.namespace === id.namespace) &&
      (policy.identityRefs ?? []).includes(id.name) &&
      speaksAbout(policy, workload),
  );
}

export function listOf(resources: EnvoyResources): readonly Resource[] {
  return [...resources.clusters, ...resources.listeners, ...resources.extensions, ...resources.routes];
}
