/** A policy that allows GET of the given paths of a Deployment and nothing else. */
export function policyFor(application: string, ...paths: readonly string[]): object {
  const rules = paths.map((path, index) => ({
    name: `rule-${index}`,
    match: [{ methods: ["GET"], path }],
    effect: "Allow",
  }));
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiPolicy",
    metadata: { name: application },
    spec: {
      targetRefs: [{ group: "apps", kind: "Deployment", name: application }],
      mode: "Enforce",
      access: { default: "Deny", rules },
      // Longer than a busy machine needs: a timeout answers 503, and in these tests every 503 counts.
      failure: { timeout: "1s" },
    },
  };
}
