import assert from "node:assert/strict";
import { picket, type Answer } from "../../cli/captured-shell.ts";
import { promtool, runPromtool } from "../../promtool.ts";
import type { Cluster } from "../cluster.ts";
import {
  addressOfService,
  clusterWithPicket,
  installMs,
  installNamespace,
  policy,
  waitProgrammed,
  waitReady,
  workload,
} from "./product.ts";

describe("the command line and the metrics of an install that runs", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let namespace: string;
  let service: string;

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
    namespace = await cluster.namespace("look", { labels: { "picket.dev/inject": "enabled" } });
    await cluster.apply([...workload(), policy()], namespace);
    await waitReady(cluster, namespace, "deployment/accounts");
    await waitProgrammed(cluster, namespace, "accounts");
    service = await addressOfService(cluster, namespace, "accounts");
  });
  after(async () => cluster.removeNamespace(namespace));

  const run = (...args: readonly string[]): Promise<Answer> => picket([...args, "--kubeconfig", cluster.kubeconfig]);

  it("picket check finds nothing wrong with it", async () => {
    const { code, stdout } = await run("check");
    assert.equal(code, 0, stdout);
    for (const name of ["kinds", "picket-operator", "picket-scorer", "leader", "trust", "trust copies", "injection"]) {
      assert.match(stdout, new RegExp(`^ok ${name}: `, "m"));
    }
    assert.match(stdout, /^ok api age: operators heard from the API server/m);
    assert.match(stdout, /^ok picket-scorer-tls: certificate for \d+ days$/m);
  });

  it("picket check --proxy finds every pod protected", async () => {
    const { code, stdout } = await run("check", "--proxy", "-n", namespace);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok pods: all 1 pods in look-\w+ that ask for protection have a proxy that is ready$/m);
  });

  it("picket status shows a policy that runs, with its proxies", async () => {
    const { code, stdout } = await run("status", "apol", "-n", namespace);
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`^ApiPolicy {2}${namespace}/accounts {2}enforce {2}True {6}True {8}1/1`, "m"));
  });

  it("picket explain finds a decision in the scorer that made it", async () => {
    const answer = await fetch(`http://${service}/admin`);
    assert.equal(answer.status, 403);
    const id = answer.headers.get("x-picket-decision") ?? "";
    const { code, stdout, stderr } = await run("explain", id);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /no-rule-matched/);
    assert.ok(stdout.includes(`${namespace}/accounts:8080`), stdout);
  });

  it("operators and scorers have metrics as Prometheus wants them, on which no alert about the install fires", async () => {
    const pages = await metricsOf(cluster);
    assert.equal(pages.length, 4);
    const all = pages.join("\n");
    const values = (name: string): readonly number[] =>
      [...all.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].map(([, value]) => Number(value));
    const sum = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0);
    assert.equal(sum(values("picket_leader")), 1);
    assert.deepEqual(values("picket_operator_connected"), [1, 1]);
    assert.ok(Math.max(...values("picket_kube_contact_age_seconds")) < 300);
    assert.ok(values("picket_certificate_expiry_timestamp_seconds").some((end) => end > Date.now() / 1000));
    assert.equal(sum(values("picket_canary_failures_total")), 0);
    assert.match(all, /^picket_sidecars\{state="rejected"\} 0$/m);
    assert.ok(all.includes(`picket_api_responses_total{api="${namespace}/accounts:8080",code_class="4xx"}`));
    const tool = promtool();
    if (tool === undefined) return;
    for (const page of pages) {
      const { ok, output } = runPromtool(tool, ["check", "metrics"], { input: page });
      assert.ok(ok, output);
    }
  });
});

/** What each operator and scorer tells of itself. */
async function metricsOf(cluster: Cluster): Promise<readonly string[]> {
  const { body } = await cluster.call("GET", `/api/v1/namespaces/${installNamespace}/pods`);
  const { items } = body as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
      readonly status: { readonly phase: string; readonly podIP?: string };
    }[];
  };
  const pods = items.filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === "Running",
  );
  return Promise.all(
    pods.map(async ({ metadata, status }) => {
      const port = metadata.name.startsWith("picket-operator-") ? 15_040 : 15_030;
      const page = await fetch(`http://${status.podIP}:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
      return page.text();
    }),
  );
}
