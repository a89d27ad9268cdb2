import type { EffectivePolicy } from "../../core/policy/effective-policy.ts";
import type { InstallConfig, Workload } from "../../core/policy/identity.ts";
import { failureDefault } from "../../core/policy/effective-policy.ts";
import { PerRouteConfig } from "../../protos/gen/envoy/extensions/filters/http/jwt_authn/v3/config.ts";
import type { Any } from "../../protos/gen/google/protobuf/any.ts";
import { callPlans, proxyBodyLimit, proxyLimits, type CallPlan } from "./call-plan.ts";
import type { Endpoint } from "./endpoint.ts";
import { pack } from "./envoy/any.ts";
import { captureListener, type CapturedPort, type CaptureOptions } from "./envoy/capture.ts";
import { accessLogClusterOf, scorerClusterOf, upstreamCluster } from "./envoy/clusters.ts";
import { bodyExtension } from "./envoy/filters/body-limit.ts";
import { authzExtension, authzFor } from "./envoy/filters/ext-authz.ts";
import { jwtExtension } from "./envoy/filters/jwt.ts";
import { rateLimitOverride } from "./envoy/filters/rate-limit.ts";
import { tokenShapes } from "./envoy/filters/token-shape.ts";
import { listener } from "./envoy/listener.ts";
import { accessLogCluster, anyToken, namesOf, scorerCluster, type WorkloadNames } from "./envoy/names.ts";
import { probeResources } from "./envoy/probes.ts";
import { checkReferences } from "./envoy/references.ts";
import { closedRoutes, routes } from "./envoy/routes.ts";
import { strictnessOf } from "./envoy/strictness.ts";
import { issuersOf, type FetchedKeys, type IssuerKeys } from "./issuers.ts";
import { operationsOf } from "./operations.ts";
import type { PodShape } from "./pod-shape.ts";
import type { ProxyKeyOf } from "./proxy-key.ts";
import type { EnvoyResources, Resource } from "./resource.ts";
import { scorerPolicy } from "./scorer.ts";

/** What proxies need besides policies. */
export interface ProxyOptions {
  /** The key by which a workload's proxies prove themselves to scorers; without it nobody has to. */
  readonly proxyKeyOf?: ProxyKeyOf | undefined;
}

export interface TranslateOptions extends ProxyOptions {
  /** Key sets by the `uri` of the issuer; a missing one means that every credential of that issuer fails. */
  readonly keys: ReadonlyMap<string, FetchedKeys>;
}

/** What one workload becomes. */
export interface Translation {
  readonly envoy: EnvoyResources;
  readonly scorer: Resource;
  /** Content hash of what the scorer enforces; proxies name it with each Check. */
  readonly revision: string;
  /** Always refused with reason `canary` by a scorer that runs this revision. */
  readonly canaryPath: string;
  /** Per operation: who decides what and why. The last one stands for everything else. */
  readonly plan: readonly CallPlan[];
  /** Sentences about parts of the policy that could not be translated as meant; each of them takes away, none adds. */
  readonly problems: readonly string[];
}

/** Clusters that every proxy has, whatever its workloads. */
export interface InstallOptions {
  /** Where the scorer answers Check. */
  readonly scorer: Endpoint;
  /** Where the scorer takes the access log. */
  readonly accessLog: Endpoint;
}

const sharedClusters = [scorerCluster, accessLogCluster];

/** What all workloads of a proxy share. Clusters go out before what names them. */
export function translateInstall(options: InstallOptions): EnvoyResources {
  return {
    listeners: [],
    clusters: [scorerClusterOf(options.scorer), accessLogClusterOf(options.accessLog)],
    routes: [],
    extensions: [],
  };
}

/**
 * Turns an effective policy into what Envoy and the scorers run. Pure: equal input gives equal bytes. Throws only for
 * bugs of ours (`BrokenResources`) and for a listen address that is none.
 */
export function translateWorkload(
  policy: EffectivePolicy,
  install: InstallConfig,
  options: TranslateOptions,
): Translation {
  const names = namesOf(policy.workload);
  const strictness = strictnessOf(policy.mode);
  const { issuers, problems } = issuersOf(policy.identities, options.keys);
  const proxyKey = options.proxyKeyOf?.(names.workload);
  const scorer = scorerPolicy(policy, issuers, proxyKey);
  const envoy: EnvoyResources = {
    listeners: [listener(policy.workload, strictness, install, proxyKey)],
    clusters: [upstreamCluster(policy.workload)],
    routes: [
      routes(policy.workload, {
        operations: operationsOf(policy),
        strictness,
        perFilter: perFilter(policy, names, { revision: scorer.revision, issuers, proxyKey }),
      }),
    ],
    extensions: extensions(policy, names, issuers),
  };
  checkReferences(envoy, sharedClusters);
  return {
    envoy,
    scorer: scorer.resource,
    revision: scorer.revision,
    canaryPath: scorer.canaryPath,
    plan: callPlans(policy),
    problems,
  };
}

/** A workload that answers 503 and nothing else: its policy was never valid, so nobody can say what may pass. */
export function translateClosed(
  workload: Workload,
  install: InstallConfig,
  options: ProxyOptions = {},
): EnvoyResources {
  const names = namesOf(workload);
  const envoy: EnvoyResources = {
    listeners: [listener(workload, "strict", install, options.proxyKeyOf?.(names.workload))],
    clusters: [upstreamCluster(workload)],
    routes: [closedRoutes(workload)],
    extensions: extensions({ mode: "enforce", guards: {}, failure: failureDefault }, names, []),
  };
  checkReferences(envoy, sharedClusters);
  return envoy;
}

/** What the workloads of a pod share: in Redirect mode the listener that takes every connection, and kubelet's page. */
export function translatePod(
  shape: PodShape,
  ports: readonly CapturedPort[],
  install: InstallConfig,
  options: CaptureOptions,
): EnvoyResources {
  const probes = probeResources(shape.probes);
  const captured = shape.capture === "redirect" ? [captureListener(ports, install, options)] : [];
  return { listeners: [...captured, ...probes.listeners], clusters: probes.clusters, routes: [], extensions: [] };
}

function extensions(
  policy: Pick<EffectivePolicy, "mode" | "guards" | "failure">,
  { filters }: WorkloadNames,
  issuers: readonly IssuerKeys[],
): readonly Resource[] {
  return [
    jwtExtension(filters.jwt, issuers),
    bodyExtension(filters.body, proxyBodyLimit(policy)),
    authzExtension(filters.closed, "closed", policy.failure),
    authzExtension(filters.open, "open", policy.failure),
  ];
}

interface PerFilterOptions {
  readonly revision: string;
  readonly issuers: readonly IssuerKeys[];
  readonly proxyKey: string | undefined;
}

/** What each filter does on this workload, for all of its routes. */
function perFilter(
  policy: EffectivePolicy,
  { workload, filters }: WorkloadNames,
  { revision, issuers, proxyKey }: PerFilterOptions,
): Record<string, Any> {
  const key = proxyKey === undefined ? {} : { key: proxyKey };
  const authz = authzFor(policy.mode, policy.failure, policy.guards, { workload, revision, ...key });
  const limits = proxyLimits(policy);
  return {
    ...(policy.mode !== "observe" && {
      [filters.jwt]: pack(PerRouteConfig, {
        requirementSpecifier: { $case: "requirementName", requirementName: anyToken },
      }),
    }),
    ...(policy.mode !== "observe" && issuers.length > 0 && { [filters.tokenShape]: tokenShapes(issuers) }),
    ...(limits.length > 0 && { [filters.rateLimit]: rateLimitOverride(limits) }),
    [filters.closed]: authz.closed,
    ...(authz.open !== null && { [filters.open]: authz.open }),
  };
}
