/** A file of the repository, and a text in it: the title of a test, or the row of a table that a test goes through. */
export type Proof = readonly [file: string, text: string];

/** A hostile deed or a fault around a cluster, and what must come of it. */
export interface ClusterVector {
  readonly id: string;
  readonly what: string;
  /** What is safe. */
  readonly verdict: string;
  /** Where it is shown. None: the row waits. */
  readonly proofs: readonly Proof[];
  /** What of the row does not apply to this version, or is not shown, and why. */
  readonly but?: string;
}

/** One row, in the order of reading. */
export function row(id: string, what: string, verdict: string, proofs: readonly Proof[], but?: string): ClusterVector {
  return { id, what, verdict, proofs, ...(but !== undefined && { but }) };
}

/** Files that many rows name. */
export const at = {
  faults: "test/cluster/control-plane/vectors-faults.test.ts",
  tenants: "test/cluster/control-plane/vectors-tenants.test.ts",
  tokens: "test/cluster/control-plane/pod-tokens.test.ts",
  chart: "test/cluster/control-plane/chart.test.ts",
  crds: "test/cluster/control-plane/crds.test.ts",
  kube: "test/cluster/control-plane/kube-client.test.ts",
  webhook: "test/cluster/control-plane/injection-webhook.test.ts",
  pods: "test/cluster/pods/vectors.test.ts",
  enforcement: "test/cluster/pods/enforcement.test.ts",
  lifecycle: "test/cluster/pods/lifecycle.test.ts",
  uninstall: "test/cluster/pods/uninstall.test.ts",
  redirect: "test/images/proxy-tool/redirect.test.ts",
  badObjects: "test/crds/bad-objects.ts",
  wire: "test/operator/kube/faults.test.ts",
  reflector: "test/operator/kube/reflector.test.ts",
  lease: "test/operator/kube/lease.test.ts",
  auth: "test/operator/xds/auth.test.ts",
  streams: "test/operator/xds/limits.test.ts",
  bounds: "test/operator/xds/bounds.test.ts",
  ads: "test/operator/xds/server.test.ts",
  envoy: "test/operator/xds/envoy.test.ts",
  review: "test/operator/inject/review.test.ts",
  unprotected: "test/operator/inject/unprotected.test.ts",
  certificates: "test/operator/certs/certificates.test.ts",
  failure: "test/e2e/failure.test.ts",
} as const;

/** What a golden pod becomes. */
export function golden(name: string, text: string): Proof {
  return [`test/golden/inject/${name}.out.yaml`, text];
}
