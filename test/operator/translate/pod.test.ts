import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Workload } from "../../../core/policy/identity.ts";
import { renderJson } from "../../../operator/translate/envoy/any.ts";
import { bootstrap } from "../../../operator/translate/envoy/bootstrap.ts";
import { captureListener } from "../../../operator/translate/envoy/capture.ts";
import { secretsFolder } from "../../../operator/translate/envoy/secured.ts";
import { probePort, parseProbePath, type PodProbe, type PodShape } from "../../../operator/translate/pod-shape.ts";
import { translateInstall, translatePod, translateWorkload } from "../../../operator/translate/translate.ts";
import { accounts, enforced, install } from "../../golden/translate/cases.ts";
import { bootstrapInline, bootstrapOnFiles } from "./on-files.ts";
import { envoyOrSkip } from "./rig.ts";

const inCluster: Workload = {
  ...accounts,
  listen: { host: "0.0.0.0", port: 28_080 },
  upstream: { host: "127.0.0.1", port: 8080 },
  cluster: { kind: "Deployment", name: "accounts", services: [], protocol: "http1" },
};

function probe(path: string, more: Partial<PodProbe> = {}): PodProbe {
  return { path, target: parseProbePath(path)!, headers: [], timeoutSeconds: 1, periodSeconds: 1, ...more };
}

describe("what a pod's proxy runs", function () {
  this.timeout(30_000);
  const shape: PodShape = {
    capture: "redirect",
    ports: [{ port: 8080, protocol: "http1" }],
    probes: [probe("/http/8080/healthz"), probe("/https/8443/"), probe("/tcp/5432"), probe("/grpc/9000/my.Service")],
  };
  const shared = translateInstall({
    scorer: { kind: "address", host: "scorer.test", port: 15_031, serverName: "scorer.test" },
    accessLog: { kind: "address", host: "scorer.test", port: 15_031, serverName: "scorer.test" },
  });
  let folder: string;
  let envoy: string;
  let application: Server;
  let child: ChildProcess | undefined;

  before(function () {
    envoy = envoyOrSkip(this);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "picket-pod-"));
  });
  afterEach(() => {
    child?.kill("SIGKILL");
    application?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const validate = (config: object): void => {
    const file = join(folder, "config.json");
    mkdirSync(join(folder, "etc"), { recursive: true });
    for (const [name, secret] of Object.entries(secretFiles(folder))) {
      writeFileSync(join(folder, "etc", name), JSON.stringify(secret));
    }
    writeFileSync(join(folder, "ca.crt"), "");
    writeFileSync(join(folder, "token"), "t");
    writeFileSync(file, JSON.stringify(config).replaceAll(secretsFolder, join(folder, "etc")));
    try {
      execFileSync(envoy, ["--mode", "validate", "--config-path", file, "--log-level", "error"], { stdio: "pipe" });
    } catch (error) {
      assert.fail(String((error as { stderr?: Buffer }).stderr));
    }
  };

  it("is valid for Envoy: every connection captured, every kind of probe", () => {
    const { envoy: own } = translateWorkload({ ...enforced, workload: inCluster }, install, { keys: new Map() });
    const ports = [{ workload: inCluster, strictness: "strict" as const }];
    const pod = translatePod(shape, ports, install, { ipv6: true });
    validate(bootstrapInline([shared, { ...own, listeners: [] }, pod]));
  });

  it("is started by one text for all pods, which names no pod and holds no secret", () => {
    const start = bootstrap({
      admin: { kind: "socket", path: "/run/picket/admin.sock" },
      xds: { kind: "address", host: "operator.test", port: 15_010, serverName: "operator.test" },
      pages: { readyPort: 15_021, statsPort: 15_090 },
    });
    const config = renderJson(start) as { node?: unknown };
    assert.equal(config.node, undefined);
    validate({ ...config, node: { id: "n", cluster: "c" } });
  });

  it("has a chain for each judged port and none for anything else, the capturing port itself included", () => {
    const resource = captureListener([{ workload: inCluster, strictness: "strict" }], install, { ipv6: false });
    const listener = renderJson(resource) as {
      filterChains: readonly { filterChainMatch: { destinationPort: number } }[];
      defaultFilterChain?: unknown;
    };
    assert.deepEqual(
      listener.filterChains.map(({ filterChainMatch }) => filterChainMatch.destinationPort),
      [8080],
    );
    assert.equal(listener.defaultFilterChain, undefined);
  });

  it("answers kubelet by what it found out itself, and lets nobody through to the application", async () => {
    let healthy = true;
    const asked: string[] = [];
    application = createServer((question, answer) => {
      asked.push(`${question.method} ${question.url} ${String(question.headers["x-probe"] ?? "")}`);
      answer.writeHead(healthy ? 200 : 500).end("inside");
    });
    await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
    const { port } = application.address() as AddressInfo;
    const path = `/http/${port}/healthz?full=1`;
    const headers = [["x-probe", "yes"]] as const;
    const pod = translatePod(
      { ...shape, capture: "port", probes: [probe(path, { headers }), probe(`/tcp/${port}`), probe("/tcp/1")] },
      [],
      install,
      { ipv6: false },
    );
    const config = bootstrapOnFiles(folder, [pod], join(folder, "admin.sock"));
    const file = join(folder, "bootstrap.json");
    writeFileSync(file, JSON.stringify(config));
    const options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
    child = spawn(envoy, ["--config-path", file, ...options], { stdio: "ignore" });

    await until(async () => (await ask("GET", path)).status === 200);
    assert.deepEqual(await ask("GET", path), { status: 200, body: "" });
    assert.equal((await ask("GET", `/tcp/${port}`)).status, 200);
    assert.equal((await ask("GET", "/tcp/1")).status, 503);
    for (const other of [`/http/${port}/admin`, `/http/${port}/healthz`, "/", "/stats", `${path}&x=1`]) {
      assert.equal((await ask("GET", other)).status, 404, other);
    }
    assert.equal((await ask("POST", path)).status, 404);
    assert.ok(asked.length > 0);
    for (const line of asked) assert.equal(line, "GET /healthz?full=1 yes");
    healthy = false;
    await until(async () => (await ask("GET", path)).status === 503);
    healthy = true;
    await until(async () => (await ask("GET", path)).status === 200);
  });
});

function secretFiles(folder: string): Readonly<Record<string, object>> {
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
  const directory = { path: folder };
  return {
    "sds-token.json": {
      resources: [
        {
          "@type": type,
          name: "xds_token",
          generic_secret: { secret: { filename: join(folder, "token"), watched_directory: directory } },
        },
      ],
    },
    "sds-ca.json": {
      resources: [
        {
          "@type": type,
          name: "picket_ca",
          validation_context: { trusted_ca: { filename: join(folder, "ca.crt") }, watched_directory: directory },
        },
      ],
    },
  };
}

function ask(method: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const question = request({ host: "127.0.0.1", port: probePort, method, path, agent: false }, (answer) => {
      let body = "";
      answer.on("data", (text: Buffer) => (body += text.toString()));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    question.on("error", () => resolve({ status: 0, body: "" }));
    question.end();
  });
}

async function until(done: () => Promise<boolean>, waitMs = 15_000): Promise<void> {
  const end = performance.now() + waitMs;
  while (!(await done())) {
    if (performance.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
