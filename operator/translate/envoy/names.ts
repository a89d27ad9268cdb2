import type { Workload } from "../../../core/policy/identity.ts";
import { printId } from "../../../core/policy/policy.ts";

/** Clusters that all workloads of one Envoy share. */
export const scorerCluster = "picket_scorer";
export const accessLogCluster = "picket_als";
export const xdsCluster = "xds";

/** Requirement that every jwt filter of ours has: verify what is shown, refuse nothing. */
export const anyToken = "any";

/** Names of one workload's resources. Route and listener share one, so that a stat names both. */
export interface WorkloadNames {
  readonly workload: string;
  readonly listener: string;
  readonly routes: string;
  readonly upstream: string;
  readonly filters: FilterNames;
}

/**
 * Instance names of the filters, as routes name them. What comes by ECDS carries the workload in its name: a filter's
 * name is the name of its resource, and one Envoy may serve several workloads.
 */
export interface FilterNames {
  readonly ambiguous: string;
  readonly tokenShape: string;
  readonly jwt: string;
  readonly rateLimit: string;
  readonly body: string;
  readonly closed: string;
  readonly open: string;
}

export const routerFilter = "envoy.filters.http.router";

export function namesOf(workload: Workload): WorkloadNames {
  const id = printId(workload.id);
  return {
    workload: id,
    listener: `in|${id}`,
    routes: `in|${id}`,
    upstream: `app|${id}`,
    filters: {
      ambiguous: "picket.rbac.ambiguous",
      tokenShape: "picket.rbac.token",
      jwt: `picket.jwt|${id}`,
      rateLimit: "picket.ratelimit",
      body: `picket.body|${id}`,
      closed: `picket.authz.closed|${id}`,
      open: `picket.authz.open|${id}`,
    },
  };
}
