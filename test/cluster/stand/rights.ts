import type { Stand, Thing } from "./stand.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Server-side apply is a patch that needs the right to create, and repeated events are patched only at times. */
export function isImplied(right: string, used: ReadonlySet<string>): boolean {
  if (right === "patch events.k8s.io/events") return used.has("create events.k8s.io/events");
  return right.startsWith("create ") && used.has(right.replace("create", "patch"));
}

export function rightsOf(role: Thing | undefined): readonly string[] {
  return flat((role?.["rules"] ?? []) as readonly Rule[]);
}

function flat(rules: readonly Rule[]): readonly string[] {
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((one) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${one}/${resource}`))),
  );
}

/** What an account may do in a namespace, by its own word. */
export async function rulesFor(
  { cluster }: Stand,
  account: { readonly namespace: string; readonly name: string },
  namespace: string,
): Promise<ReadonlySet<string>> {
  const client = cluster.callAs(await cluster.token(account));
  try {
    const { body } = await client.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {
      body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } },
    });
    return new Set(
      flat((body as { readonly status: { readonly resourceRules: readonly Rule[] } }).status.resourceRules),
    );
  } finally {
    client.close();
  }
}
