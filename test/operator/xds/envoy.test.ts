import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PublishedResource } from "../../../operator/xds/resource-set.ts";
import { encodeResource, pack } from "../../../operator/translate/envoy/any.ts";
import { bootstrap } from "../../../operator/translate/envoy/bootstrap.ts";
import type { Address } from "../../../platform/config.ts";
import { findEnvoy } from "../../../platform/envoy-binary.ts";
import { ApiVersion } from "../../../protos/gen/envoy/config/core/v3/config_source.ts";
import { Listener } from "../../../protos/gen/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../../protos/gen/envoy/config/route/v3/route.ts";
import { Router } from "../../../protos/gen/envoy/extensions/filters/http/router/v3/router.ts";
import { HttpConnectionManager } from "../../../protos/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { startAdsRange, type AdsRange } from "../../contract/ads-range.ts";

const envoy = findEnvoy(process.env);

describe("ADS server and a real Envoy", function () {
  this.timeout(30_000);
  let folder: string;
  let address: Address;
  let range: AdsRange;
  let proxy: ChildProcess | undefined;
  let ports: readonly [number, number];

  before(function () {
    if (envoy === undefined) assert.fail("Envoy is not there: make setup");
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "ads-envoy-"));
    address = { host: "", port: 0, path: join(folder, "ads.sock") };
    range = await startAdsRange(address);
    const [one, two] = await Promise.all([freePort(), freePort()]);
    ports = [one, two];
    const options = {
      node: { id: "e", cluster: "proxy" },
      admin: { kind: "socket", path: join(folder, "admin.sock") },
    } as const;
    const file = join(folder, "envoy.pb");
    writeFileSync(file, bootstrap({ ...options, xds: { kind: "socket", path: address.path } }).bytes);
    const args = ["--config-path", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "off"];
    proxy = spawn(envoy ?? "", args, { stdio: "ignore" });
  });
  afterEach(async () => {
    proxy?.kill("SIGKILL");
    await range.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const good = (): PublishedResource[] => [
    listener("a", ports[0]),
    routes("a", 201),
    listener("b", ports[1]),
    routes("b", 202),
  ];

  it("brings up what is published and counts it as running", async () => {
    const resources = good();
    range.server.publish("proxy", resources);
    await until(() => range.server.count("proxy", resources).current === 1);
    await until(async () => (await status(ports[0])) === 201);
    await until(async () => (await status(ports[1])) === 202);
  });

  it("keeps the last good route of a refused one, and does not keep back what came with it", async () => {
    range.server.publish("proxy", good());
    await until(async () => (await status(ports[1])) === 202);
    const [bad, other] = [routes("a", 203, "nowhere"), routes("b", 204)];
    range.server.publish("proxy", [listener("a", ports[0]), bad, listener("b", ports[1]), other]);
    await until(async () => (await status(ports[1])) === 204);
    await until(() => range.server.count("proxy", [bad]).rejected === 1);
    assert.match(range.server.count("proxy", [bad]).message, /unknown cluster/);
    assert.equal(range.server.count("proxy", [other]).current, 1);
    assert.equal(await status(ports[0]), 201);
    range.server.publish("proxy", [listener("a", ports[0]), routes("a", 205), listener("b", ports[1]), other]);
    await until(async () => (await status(ports[0])) === 205);
  });

  it("goes on serving while the server is away, and gets only what changed when it is back", async () => {
    range.server.publish("proxy", good());
    await until(async () => (await status(ports[0])) === 201);
    await range.stop();
    assert.equal(await status(ports[0]), 201);
    range = await startAdsRange(address);
    range.server.publish("proxy", good());
    await until(() => range.server.count("proxy", good()).current === 1, 10_000);
    const sent = (await range.registry.metrics()).match(
      /^picket_xds_answers_total\{type="(?:listener|route)",result="sent".*$/gm,
    );
    assert.equal(sent, null, "equal content is not sent again");
    const changed = [...good().slice(0, 3), routes("b", 206)];
    range.server.publish("proxy", changed);
    await until(async () => (await status(ports[1])) === 206);
    assert.equal(await status(ports[0]), 201);
  });

  it("takes a workload away", async () => {
    range.server.publish("proxy", good());
    await until(async () => (await status(ports[1])) === 202);
    const rest = good().slice(0, 2);
    range.server.publish("proxy", rest);
    await until(async () => (await status(ports[1])) === 0);
    assert.equal(await status(ports[0]), 201);
  });
});

function listener(name: string, port: number): PublishedResource {
  const manager = pack(HttpConnectionManager, {
    statPrefix: name,
    httpFilters: [{ name: "router", configType: { $case: "typedConfig", typedConfig: pack(Router, {}) } }],
    routeSpecifier: {
      $case: "rds",
      rds: {
        routeConfigName: name,
        configSource: { configSourceSpecifier: { $case: "ads", ads: {} }, resourceApiVersion: ApiVersion.V3 },
      },
    },
  });
  return encodeResource(Listener, name, {
    name,
    address: {
      address: {
        $case: "socketAddress",
        socketAddress: { address: "127.0.0.1", portSpecifier: { $case: "portValue", portValue: port } },
      },
    },
    filterChains: [{ filters: [{ name: "hcm", configType: { $case: "typedConfig", typedConfig: manager } }] }],
  });
}

function routes(name: string, code: number, cluster?: string): PublishedResource {
  return encodeResource(RouteConfiguration, name, {
    name,
    validateClusters: true,
    virtualHosts: [
      {
        name,
        domains: ["*"],
        routes: [
          ...(cluster === undefined
            ? []
            : [
                {
                  match: { pathSpecifier: { $case: "prefix" as const, prefix: "/x" } },
                  action: {
                    $case: "route" as const,
                    route: { clusterSpecifier: { $case: "cluster" as const, cluster } },
                  },
                },
              ]),
          {
            match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
            action: { $case: "directResponse", directResponse: { status: code } },
          },
        ],
      },
    ],
  });
}

/** Status of the answer; 0 when nobody listens. */
function status(port: number): Promise<number> {
  return new Promise((resolve) => {
    const question = request({ host: "127.0.0.1", port, agent: false, timeout: 2_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    question.on("error", () => resolve(0));
    question.end();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function until(done: () => boolean | Promise<boolean>, waitMs = 8_000): Promise<void> {
  const end = Date.now() + waitMs;
  while (!(await done())) {
    if (Date.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
