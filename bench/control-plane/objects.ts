import { inject } from "../../operator/inject/inject.ts";
import type { InjectionSettings } from "../../operator/inject/settings.ts";
import type { BenchApi, BoundPod } from "./api.ts";

/** Namespace of the install. */
export const ownNamespace = "picket-system";

/** Where workloads are: a tenth of them in each. */
const namespaces = Array.from({ length: 10 }, (_, n) => `bench-${n}`);

/** Rules of one policy, in the shape of the example bank. */
const rulesPerPolicy = 20;

/** Calls to the API server that are under way at a time while objects are made. */
const callsAtATime = 16;

/** How proxies are spread over workloads. */
export type Shape = "one" | "each";

/** A pod with its sidecar, as a client of the bench stands for it. */
export interface BenchPod extends BoundPod {
  /** Its own address on the loopback network. */
  readonly address: string;
  /** `namespace/name:port` of the workload that it belongs to. */
  readonly workload: string;
}

export function namespaceOf(index: number): string {
  return namespaces[index % namespaces.length]!;
}

export function nameOf(index: number): string {
  return `api-${index}`;
}

export const policyPath = (index: number): string =>
  `/apis/picket.dev/v1alpha1/namespaces/${namespaceOf(index)}/apipolicies/${nameOf(index)}`;

/** Makes everything that stays from scenario to scenario: namespaces, identities, workloads and policies. */
export async function makeObjects(
  api: BenchApi,
  { policies, port }: { policies: number; port: number },
): Promise<void> {
  for (const name of [ownNamespace, ...namespaces]) {
    const labels = name === ownNamespace ? {} : { "picket.dev/inject": "enabled" };
    await api.request("POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels },
    });
  }
  for (const [namespace, name] of [[ownNamespace, "picket-scorer"], ...namespaces.map((one) => [one, "bench"])]) {
    await api.request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name },
    });
  }
  await inParallel(namespaces, (namespace) =>
    api.request("POST", `/apis/picket.dev/v1alpha1/namespaces/${namespace}/apiidentities`, identity()),
  );
  await inParallel(range(policies), async (index) => {
    const namespace = namespaceOf(index);
    await api.request("POST", `/apis/apps/v1/namespaces/${namespace}/deployments`, deployment(index, port));
    await api.request("POST", `/apis/picket.dev/v1alpha1/namespaces/${namespace}/apipolicies`, policy(index));
  });
}

/** Makes the pods of a scenario, gives them addresses, and says that they are ready. */
export async function makePods(
  api: BenchApi,
  options: { shape: Shape; proxies: number; port: number; settings: InjectionSettings },
): Promise<readonly BenchPod[]> {
  const { shape, proxies, port, settings } = options;
  const owners = new Map<number, string>();
  return inParallel(range(proxies), async (n) => {
    const index = shape === "one" ? 0 : n;
    const namespace = namespaceOf(index);
    if (!owners.has(index)) {
      const owner = await api.request("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/${nameOf(index)}`);
      owners.set(index, uidOf(owner));
    }
    const name = `${nameOf(index)}-${n}`;
    const made = injected(pod({ index, name, port, owner: owners.get(index)! }), namespace, settings);
    const answer = await api.request("POST", `/api/v1/namespaces/${namespace}/pods`, made);
    const address = addressNumber(n);
    await say(api, namespace, name, address);
    const workload = `${namespace}/${nameOf(index)}:${port}`;
    return { namespace, name, uid: uidOf(answer), serviceAccount: "bench", address, workload };
  });
}

/** Pods of scorers, which have no sidecar. */
export async function makeScorers(api: BenchApi, count: number): Promise<readonly BenchPod[]> {
  return inParallel(range(count), async (n) => {
    const name = `picket-scorer-${n}`;
    const answer = await api.request("POST", `/api/v1/namespaces/${ownNamespace}/pods`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { ...unscheduled, serviceAccountName: "picket-scorer", containers: [{ name: "scorer", image: "scorer" }] },
    });
    return {
      namespace: ownNamespace,
      name,
      uid: uidOf(answer),
      serviceAccount: "picket-scorer",
      address: `127.2.0.${n + 1}`,
      workload: "",
    };
  });
}

export async function removePods(api: BenchApi, pods: readonly BenchPod[]): Promise<void> {
  await inParallel(pods, ({ namespace, name }) =>
    api.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 }),
  );
}

/** What a change writes into one policy: another path in its first rule. */
export function changedSpec(index: number, turn: number): { readonly spec: { readonly access: unknown } } {
  return { spec: { access: access(index, turn) } };
}

/** A policy about every workload of the cluster, for a change that touches them all. */
export const floorPath = "/apis/picket.dev/v1alpha1/clusterapipolicies/bench-floor";

export function floor(turn: number): unknown {
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ClusterApiPolicy",
    metadata: { name: "bench-floor" },
    spec: {
      strategy: "Floor",
      access: { rules: [{ name: "no-debug", match: [{ path: `/debug${turn}/**` }], effect: "Deny" }] },
    },
  };
}

export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atATime = callsAtATime,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at]!);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return results;
}

export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}

/** Loopback has sixteen million addresses, so that each pod comes from its own as in a cluster. */
function addressNumber(n: number): string {
  return `127.1.${Math.floor(n / 250)}.${(n % 250) + 1}`;
}

export function identity(): unknown {
  const key = {
    kty: "EC",
    crv: "P-256",
    x: "xizmJExnfUTytiYm_O0MV7wJxFnTU015TtI1crNyuLU",
    y: "GyRGMCZsHD1PMKF_dTIIGXxh3nTWkFjyVCyJXXnlcnY",
    kid: "bench",
    alg: "ES256",
    use: "sig",
  };
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiIdentity",
    metadata: { name: "bench" },
    spec: {
      jwt: [
        {
          issuer: "https://id.bank.example",
          audiences: ["bank-api"],
          jwks: { inline: JSON.stringify({ keys: [key] }) },
          from: [{ header: "authorization", scheme: "Bearer" }],
          algorithms: ["ES256"],
          maxLifetime: "1h",
        },
      ],
      principal: { claim: "sub" },
    },
  };
}

export function policy(index: number): unknown {
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiPolicy",
    metadata: { name: nameOf(index) },
    spec: {
      targetRefs: [{ group: "apps", kind: "Deployment", name: nameOf(index) }],
      mode: "Enforce",
      identityRefs: [{ name: "bench" }],
      access: access(index, 0),
      limits: [{ name: "per-principal", key: ["Principal"], requests: 1_000, window: "1m", burst: 20 }],
    },
  };
}

function access(index: number, turn: number): unknown {
  const rules = range(rulesPerPolicy).map((n) => {
    if (n % 10 === 9) return { name: `rule-${n}`, match: [{ path: `/internal${n}/**` }], effect: "Deny" };
    return {
      name: `rule-${n}`,
      match: [{ methods: ["GET"], path: `/v1/resource${n}-${index}-${n === 0 ? turn : 0}/{id}/items` }],
      effect: "Allow",
      require: { scopes: ["accounts:read"], owner: { path: "id", claim: "account" } },
      ...(n % 5 === 0 && { when: 'request.hour >= 0 && principal.claims.segment == "retail"' }),
    };
  });
  return { default: "Deny", rules };
}

/** Paused and without replicas: controllers leave it and its pods alone. */
function deployment(index: number, port: number): unknown {
  const labels = { app: nameOf(index) };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: nameOf(index) },
    spec: {
      replicas: 0,
      paused: true,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { serviceAccountName: "bench", containers: [container(port)] } },
    },
  };
}

function container(port: number): unknown {
  return {
    name: "api",
    image: "registry.example/api:1",
    ports: [{ name: "http", containerPort: port }],
    readinessProbe: { httpGet: { path: "/healthz", port }, periodSeconds: 10 },
    resources: { requests: { cpu: "100m", memory: "128Mi" } },
    env: range(8).map((n) => ({ name: `SETTING_${n}`, value: `value-${n}` })),
  };
}

/** No scheduler looks at it. */
const unscheduled = { schedulerName: "bench-none", automountServiceAccountToken: false };

function pod({ index, name, port, owner }: { index: number; name: string; port: number; owner: string }): unknown {
  const reference = { apiVersion: "apps/v1", kind: "Deployment", name: nameOf(index), uid: owner, controller: true };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: nameOf(index) }, ownerReferences: [reference] },
    spec: { ...unscheduled, serviceAccountName: "bench", containers: [container(port)] },
  };
}

function injected(value: unknown, namespace: string, settings: InjectionSettings): unknown {
  const facts = { name: namespace, labels: { "picket.dev/inject": "enabled" }, annotations: {} };
  const injection = inject(value, { namespace: facts, settings });
  if (injection.kind !== "injected") throw new Error(`a pod of the bench is not injected: ${injection.kind}`);
  return injection.pod;
}

async function say(api: BenchApi, namespace: string, name: string, address: string): Promise<void> {
  const now = new Date().toISOString();
  await api.request("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
    status: {
      phase: "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: now, lastProbeTime: null }],
    },
  });
}

function uidOf(object: unknown): string {
  return (object as { readonly metadata: { readonly uid: string } }).metadata.uid;
}
