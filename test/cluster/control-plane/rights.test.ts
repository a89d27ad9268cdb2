import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:http2";
import { join } from "node:path";
import { DeltaDiscoveryRequest } from "../../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { goodObjects } from "../../crds/bad-objects.ts";
import { clusterStartMs, poll, startCluster, type Cluster } from "../cluster.ts";
import { renderedRules } from "../rendered-rules.ts";

const root = join(import.meta.dirname, "../../..");

/** The namespace whose service accounts the audit log of the cluster is about. */
const own = "picket-system";
const account = `system:serviceaccount:${own}:picket-operator`;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** One verb on one resource, as a rule allows it. */
interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Undefined: every name. */
  readonly name: string | undefined;
  readonly isCluster: boolean;
}

/** A call of the operator, from the audit log. */
interface Call {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly requestURI: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
}

/** Rights that a run of seconds does not use, each with what uses it. */
const usedLater: readonly (readonly [right: RegExp, by: string])[] = [
  [/^patch events\.k8s\.io\/events$/, "an event that happens again after minutes"],
  [/^patch secrets picket-/, "the renewal of a certificate"],
  [/^get apiextensions\.k8s\.io\/customresourcedefinitions /, "a kind that is gone, with all its objects"],
];

function rightsOf(rules: readonly Rule[], isCluster: boolean): readonly Right[] {
  return rules.flatMap(({ apiGroups, resources, resourceNames = [undefined], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        resourceNames.flatMap((name) => verbs.map((verb) => ({ verb, group, resource, name, isCluster }))),
      ),
    ),
  );
}

function print({ verb, group, resource, name }: Right): string {
  return `${verb} ${group === "" ? "" : `${group}/`}${resource}${name === undefined ? "" : ` ${name}`}`;
}

function uses({ verb, objectRef, responseStatus }: Call, right: Right): boolean {
  if (objectRef === undefined) return false;
  const { apiGroup = "", resource, subresource, namespace = "", name = "" } = objectRef;
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  // Server-side apply of what is not there asks for the right to create, by name.
  const verbs = verb === "patch" && responseStatus?.code === 201 ? ["patch", "create"] : [verb];
  return (
    verbs.includes(right.verb) &&
    apiGroup === right.group &&
    whole === right.resource &&
    (right.name === undefined || right.name === name) &&
    (right.isCluster || namespace === own)
  );
}

describe("rights of the operator", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let apps: string;

  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
    apps = await cluster.namespace("rights", { labels: { "picket.dev/inject": "enabled" } });
  });
  after(async () => {
    await cluster.helm(["uninstall", "picket", "--namespace", own, "--ignore-not-found"]);
    for (const namespace of [apps, own]) await cluster.removeNamespace(namespace);
    await cluster.stop();
  });

  /** What an operator calls in a mode of injection, after what was called earlier, and what the chart lets it call. */
  async function runIn(
    mode: "webhook" | "policy",
    earlier: readonly Call[],
  ): Promise<{ calls: readonly Call[]; rights: readonly Right[] }> {
    const where = ["--namespace", own, "--create-namespace"];
    // A shared cluster may have the kinds already.
    const values = ["--set", `injection.mode=${mode}`, "--take-ownership"];
    await cluster.helm(["upgrade", "--install", "picket", join(root, "charts/picket"), ...where, ...values]);
    const before = cluster.auditEvents().length;
    const rights = [
      ...rightsOf((await renderedRules(cluster, mode)) as readonly Rule[], true),
      ...rightsOf((await renderedRules(cluster, mode, "Role")) as readonly Rule[], false),
    ];
    const calls = (): readonly Call[] =>
      (cluster.auditEvents().slice(before) as readonly Call[]).filter(({ user }) => user.username === account);
    const operator = await startOperator(cluster, mode);
    try {
      await cluster.apply(objects(mode), apps);
      await askAsScorer(cluster, operator.listen);
      const isDone = async (): Promise<boolean> => unused([...earlier, ...calls()], rights).length === 0;
      await poll(isDone, { timeoutMs: 30_000, what: "the use of every right" }).catch(() => {});
      return { calls: calls(), rights };
    } finally {
      await operator.stop();
    }
  }

  const unused = (calls: readonly Call[], rights: readonly Right[]): readonly string[] =>
    rights
      .filter((right) => !calls.some((call) => uses(call, right)))
      .map(print)
      .filter((right) => !usedLater.some(([pattern]) => pattern.test(right)));

  it("are those that it uses, and it is refused nothing, whoever injects", async () => {
    const byWebhook = await runIn("webhook", []);
    const byPolicy = await runIn("policy", byWebhook.calls);
    const calls = [...byWebhook.calls, ...byPolicy.calls];
    assert.ok(byWebhook.rights.length > 60 && byPolicy.calls.length > 50);
    assert.deepEqual(unused(calls, [...byWebhook.rights, ...byPolicy.rights]), [], "rights that nobody uses");
    const refused = calls.filter(({ responseStatus }) => responseStatus?.code === 403);
    assert.deepEqual(
      refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
      [],
    );
  });

  /** One of each kind, so that each has a status to be written. */
  function objects(name: string): readonly object[] {
    const access = { default: "Deny" };
    const issuer = { issuer: "https://id.example", audiences: ["a"], algorithms: ["ES256"] };
    const others = [
      { kind: "ClusterApiPolicy", spec: { strategy: "Default", access } },
      { kind: "ApiIdentity", spec: { jwt: [{ ...issuer, jwks: { uri: "https://id.example/keys" } }] } },
    ];
    const kinds = new Map([...goodObjects, ...others].map(({ kind, spec }) => [kind, spec]));
    return [...kinds].map(([kind, spec]) => ({
      apiVersion: "picket.dev/v1alpha1",
      kind,
      metadata: { name: kind === "PicketConfig" ? "default" : `rights-${name}` },
      spec,
    }));
  }
});

interface Operator {
  readonly listen: string;
  stop(): Promise<void>;
}

/** The operator itself, as the chart's service account. */
async function startOperator(cluster: Cluster, mode: string): Promise<Operator> {
  const kubeconfig = await cluster.kubeconfigFor({ namespace: own, name: "picket-operator" });
  const node = join(root, "node_modules/.bin/node");
  const child: ChildProcess = spawn(node, ["--disable-warning=ExperimentalWarning", join(root, "operator/main.ts")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PICKET_SOURCE: "kubernetes",
      PICKET_NAMESPACE: own,
      PICKET_POD: "rights",
      PICKET_KUBECONFIG: kubeconfig,
      PICKET_OPERATOR_LISTEN: "127.0.0.1:0",
      PICKET_WEBHOOK_LISTEN: "127.0.0.1:0",
      PICKET_OPERATOR_STATUS: "127.0.0.1:0",
      PICKET_SCORER: `picket-scorer.${own}.svc:15031`,
      PICKET_INJECTION: mode,
      PICKET_PROXY_IMAGE: "picket.test/proxy:1",
      PICKET_LOG_FORMAT: "json",
    },
  });
  let output = "";
  const started = new Promise<string>((resolve, reject) => {
    const take = (bytes: Buffer): void => {
      output += bytes.toString();
      const listen = /"listen":"([^"]+)"/.exec(output)?.[1];
      if (listen !== undefined) resolve(listen);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("exit", () => reject(new Error(output)));
  });
  const listen = await started;
  return {
    listen,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}

/** Opens a stream as a scorer of the chart does, with a token bound to its pod: the operator has it reviewed. */
async function askAsScorer(cluster: Cluster, listen: string): Promise<void> {
  const selector = "labelSelector=app.kubernetes.io%2Fcomponent%3Dscorer";
  const pod = await poll(
    async () => {
      const { body } = await cluster.call("GET", `/api/v1/namespaces/${own}/pods?${selector}`);
      return (body as { readonly items: readonly { metadata: { name: string; uid: string } }[] }).items[0]?.metadata;
    },
    { timeoutMs: 20_000, what: "a pod of the scorer" },
  );
  const scorer = { namespace: own, name: "picket-scorer" };
  const token = await cluster.token(scorer, { audiences: ["picket-scorer"], pod });
  const { body } = await cluster.call("GET", `/api/v1/namespaces/${own}/configmaps/picket-trust`);
  const ca = (body as { readonly data: Readonly<Record<string, string>> }).data["ca.crt"]!;
  const session = connect(`https://${listen}`, { ca, servername: `picket-operator.${own}.svc` });
  const stream = session.request({
    ":method": "POST",
    ":path": "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    "content-type": "application/grpc",
    te: "trailers",
    authorization: `Bearer ${token}`,
  });
  const node = { id: `${own}/${pod.name}/${pod.uid}`, cluster: "picket-scorer" };
  const typeUrl = "type.googleapis.com/picket.policy.v1alpha1.WorkloadPolicy";
  const message = DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial({ node, typeUrl })).finish();
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([frame, message]));
  try {
    await once(stream, "data", { signal: AbortSignal.timeout(20_000) });
  } finally {
    stream.destroy();
    session.destroy();
  }
}
