const prefix = "type.googleapis.com/";

/** Types that Envoy asks for. */
export const clusterType = `${prefix}envoy.config.cluster.v3.Cluster`;
export const listenerType = `${prefix}envoy.config.listener.v3.Listener`;
export const extensionType = `${prefix}envoy.config.core.v3.TypedExtensionConfig`;
export const routeType = `${prefix}envoy.config.route.v3.RouteConfiguration`;
/** The scorers' form of a policy. */
export const policyType = `${prefix}picket.policy.v1alpha1.WorkloadPolicy`;

export const proxyTypes: readonly string[] = [clusterType, listenerType, extensionType, routeType];
export const scorerTypes: readonly string[] = [policyType];

/** Order of pushes: what is pointed at comes before what points at it, so nothing is ever dangling. */
export const pushOrder: readonly string[] = [clusterType, listenerType, extensionType, routeType, policyType];

/** A closed set of words for metric labels. */
const shortNames: ReadonlyMap<string, string> = new Map([
  [clusterType, "cluster"],
  [listenerType, "listener"],
  [extensionType, "extension"],
  [routeType, "route"],
  [policyType, "policy"],
]);

export function shortTypeName(typeUrl: string): string {
  return shortNames.get(typeUrl) ?? "other";
}
