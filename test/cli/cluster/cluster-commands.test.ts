import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { runCommandLine } from "../../../cli/program.ts";
import { refuse, say } from "../../fake-api/faults.ts";
import { FakeApi } from "../../fake-api/server.ts";
import { checkout, picket, type Answer } from "../captured-shell.ts";
import { writeFiles } from "../files.ts";

const group = "/apis/picket.dev/v1alpha1";

describe("commands that look at a cluster", () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
  });
  afterEach(() => api.stop());

  const create = (path: string, body: object): void => {
    const answer = api.store.call({
      method: "POST",
      path,
      query: {},
      body: body as never,
      contentType: "application/json",
    });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  };
  const policy = (namespace: string, name: string, spec: object = {}): void => {
    const rules = [{ name: "health", match: [{ methods: ["GET"], path: "/healthz" }], effect: "Allow" }];
    const targetRefs = [{ group: "apps", kind: "Deployment", name: "accounts" }];
    create(`${group}/namespaces/${namespace}/apipolicies`, {
      apiVersion: "picket.dev/v1alpha1",
      kind: "ApiPolicy",
      metadata: { name },
      spec: { targetRefs, mode: "Enforce", access: { default: "Deny", rules }, ...spec },
    });
  };
  const accept = (namespace: string, name: string, programmed: "True" | "False", message = ""): void => {
    const path = `${group}/namespaces/${namespace}/apipolicies/${name}`;
    const conditions = [
      { type: "Accepted", status: "True", reason: "Accepted", message: "" },
      { type: "Programmed", status: programmed, reason: "Programmed", message },
    ];
    const status = { mode: "enforce", conditions, proxies: { current: 2, total: 2, summary: "2/2" } };
    const { body } = api.store.call({ method: "GET", path, query: {}, body: undefined, contentType: "" });
    const answer = api.store.call({
      method: "PUT",
      path: `${path}/status`,
      query: {},
      body: { ...(body as object), status },
      contentType: "application/json",
    });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  };
  const deployment = (ports: readonly number[]): void => {
    const containers = [{ name: "app", ports: ports.map((containerPort) => ({ containerPort })) }];
    create("/apis/apps/v1/namespaces/bank/deployments", {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "accounts" },
      spec: { template: { metadata: { labels: { app: "accounts" } }, spec: { containers } } },
    });
  };
  const run = (...args: readonly string[]): Promise<Answer> => picket([...args, "--kubeconfig", api.kubeconfig]);

  it("status shows the objects of one namespace, or of all, and what is not in force", async () => {
    policy("bank", "accounts");
    policy("shop", "carts");
    accept("bank", "accounts", "True");
    const one = await run("status", "-n", "bank");
    assert.equal(one.code, 0, one.stderr);
    assert.match(one.stdout, /^ApiPolicy {2}bank\/accounts {2}enforce {2}True {6}True {8}2\/2/m);
    assert.doesNotMatch(one.stdout, /carts/);
    const all = await run("status", "-A");
    assert.equal(all.code, 1);
    assert.match(all.stdout, /^ApiPolicy {2}shop\/carts .* no operator has looked at it$/m);
    accept("shop", "carts", "False", "1 of 2 proxies run it");
    assert.match((await run("status", "apol/carts", "-A")).stdout, /1 of 2 proxies run it/);
    const json = JSON.parse((await run("status", "apol", "-n", "bank", "-o", "json")).stdout) as { items: unknown[] };
    assert.equal(json.items.length, 1);
  });

  it("status looks into the namespace of the context, and says so when it is empty", async () => {
    policy("bank", "accounts");
    const { code, stderr } = await run("status");
    assert.equal(code, 0);
    assert.equal(stderr, "nothing in namespace default; -A looks into all namespaces\n");
    assert.equal((await run("status", "apol/none", "-A")).code, 1);
  });

  it("status reads lists that come in pages", async () => {
    for (let i = 0; i < 501; i++) policy("bank", `p${i}`);
    const { stdout } = await run("status", "apol", "-A", "-o", "name");
    assert.equal(stdout.split("\n").length - 1, 501);
  });

  it("policy effective merges what the cluster holds, for the ports of the Deployment", async () => {
    policy("bank", "accounts");
    deployment([8080]);
    const { code, stdout, stderr } = await run("policy", "effective", "--workload", "bank/accounts");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^bank\/accounts:8080: mode enforce\n/);
    assert.match(stdout, /^access\.rules\[health\] +Allow GET \/healthz +bank\/accounts +ApiPolicy bank\/accounts$/m);
  });

  it("policy effective gives one answer for ports that are alike, and asks which one for others", async () => {
    policy("bank", "accounts", { ports: [{ port: 8080, protocol: "HTTP" }] });
    deployment([8080, 9090]);
    const vague = await run("policy", "effective", "-n", "bank", "--workload", "accounts");
    assert.equal(vague.code, 2);
    assert.match(vague.stderr, /try: {3}name one of bank\/accounts:8080, bank\/accounts:9090$/m);
    const other = await run("policy", "effective", "--workload", "bank/accounts:9090");
    assert.match(other.stdout, /no policy speaks about it/);
  });

  it("policy effective merges nothing where an object is bad, and tells which", async () => {
    policy("bank", "accounts", { mode: "Sometimes" });
    deployment([8080]);
    const { code, stderr } = await run("policy", "effective", "--workload", "bank/accounts");
    assert.equal(code, 2);
    assert.match(stderr, /^error: ApiPolicy bank\/accounts.*spec\.mode.*\[PKT0205\]$/m);
  });

  it("policy effective says where it found no workload", async () => {
    const { code, stderr } = await run("policy", "effective", "-n", "empty");
    assert.equal(code, 2);
    assert.match(stderr, /^error: no pod of namespace empty declares a port/);
  });

  it("end with 3 and a way out when the credentials are refused, rights are missing or nobody answers", async () => {
    api.plan({ path: "apipolicies" }, refuse(403, "Forbidden"));
    const missing = await run("status", "-A");
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /^error: your user may not GET .*apipolicies.* \[PKT0911\]\ntry: /);
    api.mend();
    api.rotateToken(false);
    const refused = await run("status", "-A");
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /does not take the credentials \[PKT0910\]/);
    await api.crash();
    const gone = await run("status", "-A");
    assert.equal(gone.code, 3);
    assert.match(
      gone.stderr,
      /^error: no API server answers at 127\.0\.0\.1:\d+: .* \[PKT0910\]\ntry: {3}kubectl cluster-info\n$/,
    );
  });

  it("do not take something else for an API server", async () => {
    api.plan({}, say("<html>a proxy</html>"));
    const { code, stderr } = await run("status", "-A");
    assert.equal(code, 3);
    assert.match(stderr, /what answers there is no API server \[PKT0910\]/);
  });

  it("check tells of a cluster that it cannot reach as of any failure", async () => {
    await api.crash();
    const { code, stdout } = await run("check", "--pre", "-o", "json");
    assert.equal(code, 3);
    const report = JSON.parse(stdout) as { healthy: boolean; checks: { name: string; status: string; fix: string }[] };
    assert.equal(report.healthy, false);
    assert.deepEqual(
      report.checks.map(({ name, status }) => `${status} ${name}`),
      ["fail api"],
    );
    assert.equal(report.checks[0]?.fix, "kubectl cluster-info");
  });

  it("check prints categories, marks and fixes, and junit for build servers", async () => {
    api.plan({ path: "/version" }, say('{"gitVersion":"v1.28.1"}'));
    const { code, stdout } = await run("check", "--proxy", "-A");
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^kubernetes\nok api: the API server of context fake answers\nfail version: v1\.28\.1 has no native sidecars; .*\n {4}fix: upgrade the cluster/,
    );
    assert.match(
      stdout,
      /\n\nproxies\nwarn pods: .*\n {4}fix: kubectl label namespace .*\n\nsome pods are not protected\n$/,
    );
    const junit = await run("check", "--proxy", "-A", "-o", "junit");
    assert.match(junit.stdout, /<testsuite name="kubernetes" tests="2" failures="1"/);
  });

  it("change nothing: they read, and ask what they may do", async () => {
    policy("bank", "accounts");
    for (const args of [
      ["check", "--pre"],
      ["check"],
      ["check", "--proxy", "-A"],
      ["check", "--monitoring"],
      ["status", "-A"],
    ]) {
      await run(...args);
    }
    const writes = api.requests.filter(({ verb }) => verb !== "GET");
    assert.deepEqual(
      [...new Set(writes.map(({ path }) => path))],
      ["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"],
    );
    assert.ok(api.requests.length > 30);
  });

  describe("explain", () => {
    const scorer = (name: string): void =>
      create("/api/v1/namespaces/picket-system/pods", { apiVersion: "v1", kind: "Pod", metadata: { name } });
    const decision = { id: "d-1", verdict: "deny", reason: "no-rule-matched", workload: "bank/accounts:8080" };

    it("asks each scorer for a decision until one knows it", async () => {
      for (const name of ["picket-operator-1", "picket-scorer-1", "picket-scorer-2"]) scorer(name);
      const unknown = (response: ServerResponse): "answered" => {
        response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
        return "answered";
      };
      api.plan({ path: "/picket-scorer-1:15030/proxy/decisions/d-1" }, unknown);
      const known = api.plan({ path: "/picket-scorer-2:15030/proxy/decisions/d-1" }, say(JSON.stringify(decision)));
      const { code, stdout, stderr } = await run("explain", "d-1");
      assert.equal(code, 0, stderr);
      assert.match(stdout, /no-rule-matched/);
      assert.match(stdout, /bank\/accounts:8080/);
      known.left = 0;
      api.plan({ path: "/picket-scorer-2:15030/proxy/decisions/d-1" }, unknown);
      const lost = await run("explain", "d-1");
      assert.equal(lost.code, 1);
      assert.match(lost.stderr, /^error: no decision, code or reason "d-1" is known/);
    });

    it("does not say that there is no decision where a scorer could not be asked", async () => {
      scorer("picket-scorer-1");
      api.plan({ path: "/proxy/" }, refuse(503, "ServiceUnavailable"));
      const { code, stderr } = await run("explain", "d-1");
      assert.equal(code, 3);
      assert.match(
        stderr,
        /try: {3}kubectl -n picket-system port-forward picket-scorer-1 15030, and picket explain d-1/,
      );
    });

    it("says where it looked for scorers", async () => {
      const { code, stderr } = await run("explain", "d-1", "-n", "elsewhere");
      assert.equal(code, 3);
      assert.match(stderr, /^error: there is no scorer in namespace elsewhere/);
    });

    it("knows codes and reasons without a cluster", async () => {
      await api.crash();
      assert.equal((await run("explain", "PKT0205")).code, 0);
      assert.equal((await run("explain", "no-rule-matched")).code, 0);
    });
  });

  it("take the kubeconfigs that kubectl takes, the first one first", async () => {
    policy("bank", "accounts");
    const other = await FakeApi.start();
    try {
      const environment = { KUBECONFIG: `${api.kubeconfig}:/nonexistent:${other.kubeconfig}` };
      const { stdout } = await picket(["status", "apol", "-A", "-o", "name"], { environment });
      assert.equal(stdout, "ApiPolicy/bank/accounts\n");
    } finally {
      await other.stop();
    }
    const home = writeFiles({ ".kube/config": readFileSync(api.kubeconfig, "utf8") });
    const found = await picket(["status", "apol", "-A", "-o", "name"], { environment: { HOME: home.folder } });
    home.remove();
    assert.equal(found.stdout, "ApiPolicy/bank/accounts\n");
  });

  it("tell of a context or kubeconfig that is not there or does not read", async () => {
    const wrong = await run("status", "--context", "other");
    assert.deepEqual(
      [wrong.code, wrong.stderr],
      [2, "error: there is no context other [PKT0904]\ntry:   name one of fake\n"],
    );
    assert.match((await picket(["status", "-A"])).stderr, /^error: there is no kubeconfig \[PKT0910\]/);
    const files = writeFiles({ config: "clusters: [" });
    const bad = await picket(["status", "-A", "--kubeconfig", "config"], { folder: files.folder });
    files.remove();
    assert.deepEqual([bad.code, /cannot be read as kubeconfig/.test(bad.stderr)], [2, true]);
  });

  it("kubectl picket means the cluster, and says its own name", async () => {
    policy("bank", "accounts");
    accept("bank", "accounts", "True");
    let stdout = "";
    let stderr = "";
    const shell = {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
      environment: { KUBECONFIG: api.kubeconfig, PICKET_STATUS_ADDRESS: "127.0.0.1:1" },
      folder: checkout,
      clock: { now: () => 0, monotonic: () => 0 },
      name: "kubectl picket",
    } as const;
    assert.equal(await runCommandLine(["status", "-A", "-o", "name"], shell), 0);
    assert.equal(stdout, "ApiPolicy/bank/accounts\n");
    stdout = "";
    assert.equal(await runCommandLine(["policy", "effective", "--help"], shell), 0);
    assert.match(stdout, /^Examples:\n {2}kubectl picket policy effective --workload bank\/accounts\n/);
    assert.match(stdout, /^Usage: kubectl picket policy effective/m);
    assert.equal(await runCommandLine(["status", "--nosuch"], shell), 2);
    assert.match(stderr, /try: {3}kubectl picket status --help/);
  });
});

describe("the start of picket", () => {
  it("does not wait for the library that reads kubeconfigs", () => {
    const files = globSync("cli/**/*.ts", { cwd: checkout });
    assert.ok(files.length > 50);
    for (const file of files) {
      const text = readFileSync(join(checkout, file), "utf8");
      assert.doesNotMatch(text, /^import (?!type).*"@kubernetes\/client-node"/m, file);
    }
  });
});
