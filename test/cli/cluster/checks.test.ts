import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { checkInstalled } from "../../../cli/check/installed.ts";
import { checkMonitoring } from "../../../cli/check/monitoring.ts";
import { checkBefore, neededRights } from "../../../cli/check/pre.ts";
import { checkProxies } from "../../../cli/check/proxy.ts";
import type { Check } from "../../../cli/check/report.ts";
import { clusterKinds, definitionName } from "../../../cli/cluster/kinds.ts";
import type { KubeObject } from "../../../cli/cluster/object.ts";
import { certificateUntil } from "./certificate.ts";
import {
  configMap,
  deployment,
  fakeCluster,
  lease,
  namespace,
  node,
  pluralOf,
  pod,
  secret,
  webhook,
  type FakeOptions,
} from "./fake-cluster.ts";

const nowMs = Date.UTC(2026, 0, 5, 9);
const bad = (checks: readonly Check[]): readonly Check[] => checks.filter(({ status }) => status !== "ok");

/** Every check that is not fine, as one line, and whether each of them has a fix. */
function told(checks: readonly Check[]): readonly string[] {
  for (const { name, fix } of bad(checks)) assert.ok((fix ?? "").length > 5, `${name} has no fix`);
  return bad(checks).map(({ status, name, message }) => `${status} ${name}: ${message}`);
}

describe("picket check --pre", () => {
  const look = (objects: readonly KubeObject[], options: FakeOptions = {}): Promise<readonly Check[]> =>
    checkBefore(fakeCluster([node("n1", "v1.36.2"), monitoring(), ...objects], options), undefined);

  it("finds nothing in a cluster that is as it should be", async () => {
    assert.deepEqual(told(await look([])), []);
  });

  const rows: readonly [string, readonly KubeObject[], FakeOptions, RegExp][] = [
    ["an old API server", [], { version: "v1.28.9" }, /^fail version: v1\.28\.9 has no native sidecars/],
    ["a version that is none", [], { version: "dev" }, /^fail version: dev is no version/],
    [
      "missing rights",
      [],
      { forbidden: ["customresourcedefinitions", "clusterroles"] },
      /^fail rights: your user may not create customresourcedefinitions, clusterroles/,
    ],
    ["an old node", [node("n2", "v1.28.1")], {}, /^fail nodes: n2 are older than 1\.29/],
    ["a Windows node", [node("w", "v1.36.2", { "kubernetes.io/os": "windows" })], {}, /^warn windows nodes: pods on w/],
    [
      "a former install elsewhere",
      [deployment("picket-operator", 2, 2, "other")],
      {},
      /^fail former install: Picket is installed in other/,
    ],
    [
      "its own namespace labelled for injection",
      [namespace("picket-system", { "picket.dev/inject": "enabled" })],
      {},
      /^fail namespace: picket-system is labelled for injection/,
    ],
    [
      "a namespace that forbids redirection",
      [namespace("bank", { "picket.dev/inject": "enabled", "pod-security.kubernetes.io/enforce": "restricted" })],
      {},
      /^warn namespaces to protect: bank enforce a Pod Security level/,
    ],
    ["what it may not read", [], { unreadable: ["/nodes"] }, /^warn nodes: your user may not GET/],
  ];
  for (const [name, objects, options, expected] of rows) {
    it(`tells of ${name}`, async () => {
      const [first = "", ...rest] = told(await look(objects, options));
      assert.match(first, expected);
      assert.deepEqual(rest, []);
    });
  }

  it("asks for the right to create each kind that the chart holds", () => {
    const root = join(import.meta.dirname, "../../..");
    const files = ["test/golden/chart/default.yaml", ...globSync("crds/*.yaml", { cwd: root })];
    const objects = files.flatMap((file) => parseAllDocuments(readFileSync(join(root, file), "utf8")));
    const kinds = objects.map((object) => object.toJS() as { kind?: string; apiVersion?: string } | null);
    const wanted = new Set(
      kinds
        .filter((one) => one?.kind !== undefined && one.kind !== "Pod")
        .map((one) => `${/^(.*)\//.exec(one?.apiVersion ?? "")?.[1] ?? ""} ${pluralOf(one?.kind ?? "")}`),
    );
    assert.ok(wanted.size > 10);
    const asked = new Set(neededRights("picket-system").map(({ group, resource }) => `${group} ${resource}`));
    // Created by Helm, by values that are off, or before the chart.
    const others = [" namespaces", " secrets", " configmaps"];
    assert.deepEqual([...asked].filter((one) => !others.includes(one)).toSorted(), [...wanted].toSorted());
  });

  it("takes a namespace with capture mode Port for what it is", async () => {
    const labels = { "picket.dev/inject": "enabled", "pod-security.kubernetes.io/enforce": "restricted" };
    const checks = await look([namespace("bank", labels, { "picket.dev/capture-mode": "Port" })]);
    assert.deepEqual(told(checks), []);
  });

  it("warns where nobody scrapes, and where there are no nodes", async () => {
    const checks = await checkBefore(fakeCluster([]), undefined);
    assert.deepEqual(
      told(checks).map((line) => line.split(":")[0]),
      ["warn nodes", "warn monitoring"],
    );
  });
});

describe("picket check, in a cluster", () => {
  let bundle = "";
  let other = "";
  let serving = "";
  let ending = "";
  before(async () => {
    const dayMs = 86_400_000;
    bundle = await certificateUntil(nowMs + 300 * dayMs);
    other = await certificateUntil(nowMs + 300 * dayMs);
    serving = await certificateUntil(nowMs + 90 * dayMs);
    ending = await certificateUntil(nowMs + 3 * dayMs);
  });

  const fine = (): readonly KubeObject[] => [
    ...clusterKinds.map((kind) => definition(definitionName(kind))),
    deployment("picket-operator", 2, 2),
    deployment("picket-scorer", 2, 2),
    lease("picket-operator-1", "2026-01-05T08:59:55.000000Z"),
    namespace("bank", { "picket.dev/inject": "enabled" }),
    configMap("picket-system", bundle),
    configMap("bank", bundle),
    secret("picket-operator-tls", serving),
    secret("picket-scorer-tls", serving),
    webhook(bundle),
    pod("picket-system", "picket-operator-1"),
  ];
  const without = (kind: string, name?: string): readonly KubeObject[] =>
    fine().filter((object) => object["kind"] !== kind || (name !== undefined && nameOfObject(object) !== name));
  const look = (objects: readonly KubeObject[], options: FakeOptions = {}): Promise<readonly Check[]> =>
    checkInstalled(fakeCluster(objects, options), { namespace: "picket-system", nowMs });

  it("finds nothing where everything is as it should be", async () => {
    const page = 'picket_kube_contact_age_seconds{resource="pods"} 12.5\n';
    const checks = await look(fine(), { page });
    assert.deepEqual(told(checks), []);
    assert.equal(
      checks.find(({ name }) => name === "api age")?.message,
      "operators heard from the API server 13 s ago or later",
    );
  });

  const rows: readonly [string, () => readonly KubeObject[], RegExp][] = [
    [
      "a missing kind",
      () => without("CustomResourceDefinition", "apigrants.picket.dev"),
      /^fail kinds: .* no ApiGrant$/,
    ],
    [
      "a missing Deployment",
      () => without("Deployment", "picket-scorer"),
      /^fail picket-scorer: there is no Deployment/,
    ],
    [
      "no ready replica",
      () => [...without("Deployment", "picket-scorer"), deployment("picket-scorer", 2, 0)],
      /^fail picket-scorer: none of 2 replicas is ready/,
    ],
    [
      "some replicas",
      () => [...without("Deployment", "picket-operator"), deployment("picket-operator", 3, 2)],
      /^warn picket-operator: 2 of 3 replicas are ready/,
    ],
    [
      "a single replica",
      () => [...without("Deployment", "picket-scorer"), deployment("picket-scorer", 1, 1)],
      /^warn picket-scorer replicas: one replica/,
    ],
    ["no leader", () => without("Lease"), /^fail leader: no operator leads/],
    [
      "a leader that fell silent",
      () => [...without("Lease"), lease("picket-operator-1", "2026-01-05T08:58:00.000000Z")],
      /^fail leader: picket-operator-1 has not renewed its lease/,
    ],
    [
      "no trust bundle for pods of a namespace",
      () => fine().filter((object) => object["kind"] !== "ConfigMap" || namespaceOfObject(object) !== "bank"),
      /^fail trust copies: bank have another trust bundle/,
    ],
    [
      "a certificate that ends soon",
      () => [...without("Secret", "picket-scorer-tls"), secret("picket-scorer-tls", ending)],
      /^warn picket-scorer-tls: its certificate ends in 3 days/,
    ],
    ["no certificate", () => without("Secret", "picket-operator-tls"), /^fail picket-operator-tls: Secret .* holds no/],
    [
      "a webhook that trusts somebody else",
      () => [...without("MutatingWebhookConfiguration"), webhook(other)],
      /^fail injection: webhook picket-injector trusts other certificates than picket-trust/,
    ],
    [
      "a webhook that trusts nobody",
      () => [...without("MutatingWebhookConfiguration"), webhook("")],
      /^fail injection: webhook picket-injector trusts no certificate/,
    ],
    [
      "a webhook of another install",
      () => [...without("MutatingWebhookConfiguration"), webhook(bundle, "old")],
      /^fail injection: webhook picket-injector asks a Service in old/,
    ],
    ["no injection", () => without("MutatingWebhookConfiguration"), /^warn injection: neither a webhook nor a policy/],
  ];
  for (const [name, objects, expected] of rows) {
    it(`tells of ${name}, and of nothing else`, async () => {
      const [first = "", ...rest] = told(await look(objects()));
      assert.match(first, expected);
      assert.deepEqual(rest, []);
    });
  }

  it("tells of certificates that have ended", async () => {
    const later = await checkInstalled(fakeCluster(fine()), { namespace: "picket-system", nowMs: nowMs + 9e12 });
    assert.match(told(later).join("\n"), /^fail trust: its certificate ended \d+ days ago$/m);
    assert.match(told(later).join("\n"), /^fail picket-operator-tls: its certificate ended \d+ days ago$/m);
  });

  it("tells of an operator that no longer hears from the API server", async () => {
    const page = 'picket_kube_contact_age_seconds{resource="pods"} 900\n';
    assert.deepEqual(told(await look(fine(), { page })), [
      "fail api age: an operator has not heard from the API server for 900 s",
    ]);
  });

  it("says how to install what is not there", async () => {
    const checks = await checkInstalled(fakeCluster([]), { namespace: undefined, nowMs });
    const [kinds, installed] = told(checks);
    assert.match(kinds ?? "", /^fail kinds: the cluster has no ApiPolicy/);
    assert.match(installed ?? "", /^fail installed: there is no Deployment picket-operator/);
  });

  it("warns of what it may not read, and goes on", async () => {
    const checks = await look(fine(), { unreadable: ["/secrets/"] });
    assert.match(told(checks).join("\n"), /^warn certificates: your user may not GET/);
  });
});

describe("picket check --proxy", () => {
  const bank = namespace("bank", { "picket.dev/inject": "enabled" });
  const owner = { kind: "ReplicaSet", name: "accounts-5d4f8c7b9" };
  const labels = { "pod-template-hash": "5d4f8c7b9" };
  const look = (objects: readonly KubeObject[]): Promise<readonly Check[]> =>
    checkProxies(fakeCluster(objects), "bank");
  const fixOf = (checks: readonly Check[]): string => bad(checks)[0]?.fix ?? "";

  it("finds nothing where every pod that should have a proxy has one", async () => {
    const checks = await look([
      bank,
      pod("bank", "a", { owner, labels, injected: "ready" }),
      pod("bank", "left-out", { labels: { "picket.dev/inject": "false" } }),
      pod("bank", "done", { phase: "Succeeded" }),
      pod("other", "b"),
    ]);
    assert.deepEqual(told(checks), []);
    assert.equal(checks[0]?.message, "all 1 pods in bank that ask for protection have a proxy that is ready");
  });

  it("tells of pods that started before, once for their Deployment, with the restart to type", async () => {
    const checks = await look([bank, pod("bank", "a", { owner, labels }), pod("bank", "b", { owner, labels })]);
    assert.deepEqual(told(checks), [
      "fail deployment bank/accounts: 2 pods without a proxy: started when nothing injected it",
    ]);
    assert.equal(fixOf(checks), "kubectl -n bank rollout restart deployment accounts");
  });

  it("repeats why injection refused a pod", async () => {
    const annotations = { "picket.dev/not-injected": "the pod uses the network of its node" };
    const checks = await look([bank, pod("bank", "a", { owner, labels, annotations })]);
    assert.deepEqual(told(checks), [
      "fail deployment bank/accounts: 1 pod without a proxy: the pod uses the network of its node",
    ]);
  });

  it("looks for a single pod's own wish in all namespaces", async () => {
    const checks = await checkProxies(
      fakeCluster([namespace("x"), pod("x", "solo", { labels: { "picket.dev/inject": "true" } })]),
      undefined,
    );
    assert.deepEqual(told(checks), ["fail pod x/solo: 1 pod without a proxy: started when nothing injected it"]);
  });

  it("tells of pods that a policy is for and that nothing asks to protect", async () => {
    const policy = {
      apiVersion: "picket.dev/v1alpha1",
      kind: "ApiPolicy",
      metadata: { name: "accounts", namespace: "bank" },
      spec: { targetRefs: [{ group: "apps", kind: "Deployment", name: "accounts" }], access: { default: "Deny" } },
    };
    const made = {
      ...deployment("accounts", 1, 1, "bank"),
      spec: { template: { spec: { containers: [{ name: "app", ports: [{ containerPort: 8080 }] }] } } },
    };
    const plain = namespace("bank");
    const missing = await look([plain, policy, made, pod("bank", "a", { owner, labels }), pod("bank", "b")]);
    const neither = "a policy is for it, and neither it nor its namespace asks for injection";
    assert.deepEqual(told(missing), [`fail deployment bank/accounts: ${neither}`]);
    assert.match(
      fixOf(missing),
      /^kubectl label namespace bank picket\.dev\/inject=enabled && kubectl -n bank rollout/,
    );
    const declining = { ...labels, "picket.dev/inject": "false" };
    const declined = await look([bank, policy, made, pod("bank", "a", { owner, labels: declining })]);
    assert.match(told(declined)[0] ?? "", /a policy is for it, and its label declines injection$/);
  });

  it("tells of proxies from before an upgrade, which is no failure", async () => {
    const operator = (image: string): KubeObject => ({
      ...deployment("picket-operator", 2, 2),
      spec: { template: { spec: { containers: [{ env: [{ name: "PICKET_PROXY_IMAGE", value: image }] }] } } },
    });
    const injected = pod("bank", "a", { owner, labels, injected: "ready" });
    assert.deepEqual(told(await look([bank, injected, operator("picket.test/proxy:1")])), []);
    const checks = await look([bank, injected, operator("picket.test/proxy:2")]);
    assert.deepEqual(told(checks), [
      "warn deployment bank/accounts: runs the proxy picket.test/proxy:1; new pods get picket.test/proxy:2",
    ]);
    assert.equal(fixOf(checks), "kubectl -n bank rollout restart deployment accounts");
    assert.equal(checks[0]?.status, "ok");
  });

  it("does not take a label for a proxy", async () => {
    const checks = await look([bank, pod("bank", "a", { labels: { "picket.dev/injected": "true" } })]);
    assert.equal(told(checks).length, 1);
  });

  it("tells of proxies that are not ready, and of a redirection that does not start", async () => {
    const waiting = await look([bank, pod("bank", "a", { owner, labels, injected: "waiting" })]);
    assert.match(told(waiting)[0] ?? "", /^fail deployment bank\/accounts: the proxy of a is not ready/);
    assert.equal(fixOf(waiting), "kubectl -n bank logs a -c picket-proxy");
    const broken = await look([bank, pod("bank", "a", { owner, labels, injected: "redirect-failed" })]);
    assert.match(told(broken)[0] ?? "", /cannot start: picket-redirect CrashLoopBackOff$/);
  });

  it("tells of redirection in a namespace that forbids it by now", async () => {
    const restricted = namespace("bank", {
      "picket.dev/inject": "enabled",
      "pod-security.kubernetes.io/enforce": "restricted",
    });
    const annotations = { "picket.dev/capture": "Redirect" };
    const checks = await look([restricted, pod("bank", "a", { owner, labels, annotations, injected: "ready" })]);
    assert.match(told(checks)[0] ?? "", /^fail deployment bank\/accounts: its namespace forbids redirection/);
    assert.match(
      fixOf(checks),
      /^kubectl annotate namespace bank picket\.dev\/capture-mode=Port && kubectl -n bank rollout/,
    );
  });

  const service = (targetPort: unknown, port = 80): KubeObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "accounts", namespace: "bank" },
    spec: { selector: { app: "accounts" }, ports: [{ port, ...(targetPort === undefined ? {} : { targetPort }) }] },
  });

  it("tells of Services that lead around a proxy in Port mode, by number, name or default", async () => {
    const annotations = { "picket.dev/capture": "Port" };
    const pods = [bank, pod("bank", "a", { owner, labels, annotations, injected: "ready" })];
    for (const around of [service(8080), service("http"), service(undefined, 8080)]) {
      const checks = await look([...pods, around]);
      assert.deepEqual(told(checks), [
        "fail service bank/accounts: leads to port 8080 of the application, around the proxy",
      ]);
      assert.match(
        fixOf(checks),
        /patch service accounts --type json .*"path":"\/spec\/ports\/0\/targetPort","value":"picket-8080"/,
      );
    }
    for (const right of [service("picket-8080"), service(9090), service("metrics")]) {
      assert.deepEqual(told(await look([...pods, right])), []);
    }
  });

  it("warns where nothing asks for protection", async () => {
    assert.match(told(await look([namespace("bank"), pod("bank", "a")]))[0] ?? "", /^warn pods: no pod in bank asks/);
  });
});

describe("picket check --monitoring", () => {
  const own = { "app.kubernetes.io/name": "picket" };
  const monitor = (labels = {}): KubeObject => ({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "ServiceMonitor",
    metadata: { name: "picket", namespace: "picket-system", labels: { ...own, ...labels } },
  });
  const rule = (labels = {}): KubeObject => ({ ...monitor(labels), kind: "PrometheusRule" });
  const server = (spec: Readonly<Record<string, unknown>>): KubeObject => ({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "Prometheus",
    metadata: { name: "main", namespace: "monitoring" },
    spec: { serviceMonitorNamespaceSelector: {}, ruleNamespaceSelector: {}, ruleSelector: {}, ...spec },
  });
  const look = (...objects: readonly KubeObject[]): Promise<readonly Check[]> =>
    checkMonitoring(fakeCluster([namespace("picket-system", { team: "api" }), ...objects]), "picket-system");

  it("finds nothing where a Prometheus takes monitor and rules", async () => {
    assert.deepEqual(told(await look(monitor(), rule(), server({ serviceMonitorSelector: {} }))), []);
  });

  it("says which label is missing, as with the chart kube-prometheus-stack", async () => {
    const release = { matchLabels: { release: "stack" } };
    const picky = server({ serviceMonitorSelector: release, ruleSelector: release });
    const checks = await look(monitor(), rule({ release: "stack" }), picky);
    assert.deepEqual(told(checks), [
      "fail ServiceMonitor picket: Prometheus monitoring/main ignores it: it lacks release=stack",
    ]);
    assert.match(bad(checks)[0]?.fix ?? "", /--set metrics\.serviceMonitor\.labels\.release=stack$/);
    assert.deepEqual(told(await look(monitor({ release: "stack" }), rule({ release: "stack" }), picky)), []);
  });

  it("reads expressions of selectors", async () => {
    const expressions = [
      { key: "team", operator: "In", values: ["a", "b"] },
      { key: "scrape", operator: "Exists" },
      { key: "off", operator: "DoesNotExist" },
      { key: "zone", operator: "NotIn", values: ["x"] },
    ];
    const picky = server({ serviceMonitorSelector: { matchExpressions: expressions } });
    assert.match(told(await look(monitor(), rule(), picky))[0] ?? "", /it lacks team=a, scrape=picket$/);
    assert.deepEqual(told(await look(monitor({ team: "b", scrape: "1" }), rule(), picky)), []);
    assert.match(told(await look(monitor({ off: "1" }), rule(), picky))[0] ?? "", /selects no ServiceMonitor/);
    assert.match(told(await look(monitor({ zone: "x" }), rule(), picky))[0] ?? "", /selects no ServiceMonitor/);
  });

  it("tells of a Prometheus that selects nothing, or only other namespaces", async () => {
    assert.match(told(await look(monitor(), rule(), server({})))[0] ?? "", /selects no ServiceMonitor at all$/);
    const elsewhere = server({
      serviceMonitorSelector: {},
      serviceMonitorNamespaceSelector: { matchLabels: { scrape: "yes" } },
    });
    const checks = await look(monitor(), rule(), elsewhere);
    assert.match(told(checks)[0] ?? "", /looks only into namespaces with \{"scrape":"yes"\}$/);
    assert.equal(bad(checks)[0]?.fix, "kubectl label namespace picket-system scrape=yes");
    const team = server({
      serviceMonitorSelector: {},
      serviceMonitorNamespaceSelector: { matchLabels: { team: "api" } },
    });
    assert.deepEqual(told(await look(monitor(), rule(), team)), []);
  });

  it("is content when one of several takes it", async () => {
    const picky = server({ serviceMonitorSelector: { matchLabels: { release: "x" } } });
    const open = { ...server({ serviceMonitorSelector: {} }), metadata: { name: "open", namespace: "monitoring" } };
    assert.deepEqual(told(await look(monitor(), rule(), picky, open)), []);
  });

  it("warns where nothing was made for Prometheus, or there is none", async () => {
    const nothing = told(await look(server({ serviceMonitorSelector: {} })));
    assert.deepEqual(
      nothing.map((line) => line.split(":")[0]),
      ["warn ServiceMonitor", "warn PrometheusRule"],
    );
    assert.match(told(await look())[0] ?? "", /^warn prometheus operator: the cluster has no Prometheus Operator/);
    assert.match(
      told(await look(monitor()))[0] ?? "",
      /^warn prometheus: Prometheus Operator is there, and no Prometheus/,
    );
  });
});

function definition(name: string): KubeObject {
  const versions = [{ name: "v1alpha1", served: true }];
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: { versions },
  };
}

function monitoring(): KubeObject {
  const metadata = { name: "main", namespace: "monitoring" };
  return { apiVersion: "monitoring.coreos.com/v1", kind: "Prometheus", metadata };
}

function nameOfObject({ metadata }: KubeObject): unknown {
  return (metadata as { name?: unknown }).name;
}

function namespaceOfObject({ metadata }: KubeObject): unknown {
  return (metadata as { namespace?: unknown }).namespace;
}
