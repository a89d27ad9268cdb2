import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createIssuerKey, signToken } from "../../cli/demo/tokens.ts";
import { IssuerServer } from "../operator/keys/issuer-server.ts";
import { envoyOrSkip } from "../operator/translate/rig.ts";

const runner = fileURLToPath(new URL("run-program.ts", import.meta.url));

describe("picket run with keys that are fetched", function () {
  let home: string;
  let issuer: IssuerServer;
  let application: Server;
  let ports: { readonly listen: number; readonly status: number };
  let running: ChildProcess | undefined;
  let errors: string;
  const key = createIssuerKey();

  before(async function () {
    envoyOrSkip(this);
    issuer = await IssuerServer.start();
  });
  after(() => issuer?.stop());
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "picket-run-keys-"));
    mkdirSync(join(home, "policies"));
    writeFileSync(join(home, "ca.crt"), issuer.authority);
    application = createServer((_request, response) => response.end("application"));
    application.listen(0, "127.0.0.1");
    await once(application, "listening");
    ports = { listen: await freePort(), status: await freePort() };
    errors = "";
  });
  afterEach(async () => {
    await stop();
    application.closeAllConnections();
    application.close();
    rmSync(home, { recursive: true, force: true });
  });

  const start = (config: string): void => {
    const { port } = application.address() as AddressInfo;
    writeFileSync(
      join(home, "policies/all.yaml"),
      objects({ listen: ports.listen, upstream: port, uri: issuer.uri() }),
    );
    writeFileSync(join(home, "policies/config.yaml"), config);
    const args = [runner, join(home, "policies"), `127.0.0.1:${ports.status}`, join(home, "state")];
    running = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, PICKET_KEYS_CA: join(home, "ca.crt") },
    });
    running.stderr?.on("data", (text: Buffer) => (errors += String(text)));
  };
  const stop = async (): Promise<void> => {
    if (running?.exitCode !== null) return;
    running.kill("SIGTERM");
    await once(running, "exit");
  };
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    const end = performance.now() + 30_000;
    while (!(await holds())) {
      assert.ok(performance.now() < end, errors);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const ready = (): Promise<void> => until(async () => (await get(ports.status, "/readyz")).status === 200);
  const ask = async (): Promise<number> => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: "https://id.example", aud: "api", sub: "alice", iat: now, exp: now + 600 };
    return (await get(ports.listen, "/mine", signToken(key.privateKey, claims))).status;
  };

  it("takes tokens whose issuer is asked for its keys, and after a restart also while it is away", async () => {
    issuer.serve(JSON.stringify({ keys: [key.publicJwk] }));
    start(config("{ allowPrivateAddresses: true }"));
    await ready();
    assert.equal(await ask(), 200);
    assert.equal((await get(ports.listen, "/mine")).status, 401);
    const metrics = (await get(ports.status, "/metrics")).text;
    assert.match(metrics, /^picket_jwks_refreshes_total\{.*result="changed"\} 1$/m);
    assert.match(metrics, /^picket_jwks_age_seconds\{.*provider="shop\/id"/m);
    await stop();
    issuer.serve("out of order", 500);
    start(config("{ allowPrivateAddresses: true }"));
    await ready();
    assert.equal(await ask(), 200);
    await until(async () => (await objectOf("id")).includes("KeysKept"));
  });

  it("asks no host with an address of this machine unless it may, lets nobody in, says why, and then asks", async () => {
    issuer.serve(JSON.stringify({ keys: [key.publicJwk] }));
    issuer.asked = 0;
    start(config("{ allowedHosts: [localhost] }"));
    await ready();
    assert.equal(await ask(), 401);
    const status = await objectOf("id");
    assert.match(status, /KeysMissing/);
    assert.match(status, /has an address that may not be asked \(keys\.allowPrivateAddresses/);
    assert.equal(issuer.asked, 0);
    writeFileSync(
      join(home, "policies/config.yaml"),
      config("{ allowedHosts: [localhost], allowPrivateAddresses: true }"),
    );
    await until(async () => (await ask()) === 200);
  });

  async function objectOf(name: string): Promise<string> {
    const { objects: all } = JSON.parse((await get(ports.status, "/status")).text) as {
      objects: { metadata: { name: string } }[];
    };
    return JSON.stringify(all.find(({ metadata }) => metadata.name === name));
  }
});

function config(keys: string): string {
  return `apiVersion: picket.dev/v1alpha1\nkind: PicketConfig\nmetadata: { name: default }\nspec: { keys: ${keys} }\n`;
}

function objects({ listen, upstream, uri }: { listen: number; upstream: number; uri: string }): string {
  return `apiVersion: picket.dev/v1alpha1
kind: Workload
metadata: { name: one, namespace: shop }
spec: { listen: "127.0.0.1:${listen}", upstream: "127.0.0.1:${upstream}" }
---
apiVersion: picket.dev/v1alpha1
kind: ApiIdentity
metadata: { name: id, namespace: shop }
spec:
  jwt:
    - { issuer: "https://id.example", audiences: [api], jwks: { uri: "${uri}" }, algorithms: [ES256] }
---
apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: one, namespace: shop }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: one }]
  mode: Enforce
  identityRefs: [{ name: id }]
  access:
    default: Deny
    rules:
      - name: mine
        match: [{ methods: [GET], path: /mine }]
        effect: Allow
        require: { authenticated: true }
`;
}

function get(port: number, path: string, token?: string): Promise<{ status: number; text: string }> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path, headers, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += String(chunk)));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on("error", () => resolve({ status: 0, text: "" }));
    asked.end();
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
