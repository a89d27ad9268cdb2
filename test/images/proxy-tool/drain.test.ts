import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { envoyOrSkip } from "../../operator/translate/rig.ts";
import { buildTool, run, type Ran } from "./tool.ts";

describe("picket-proxy-tool drain", () => {
  let tool = "";
  let folder = "";
  let socket = "";
  let server: Server | undefined;

  before(function () {
    tool = buildTool(this);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "drain-"));
    socket = join(folder, "admin.sock");
  });
  afterEach(() => {
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true });
  });

  const drain = (settings: NodeJS.ProcessEnv = {}): Promise<Ran> =>
    run(tool, ["drain"], { PICKET_ADMIN_SOCKET: socket, ...settings });

  /** An administration that counts connections down with every question. */
  async function administration(counts: readonly number[], status = 200): Promise<string[]> {
    const calls: string[] = [];
    let asked = 0;
    server = createServer((call, response) => {
      calls.push(`${call.method} ${call.url}`);
      response.statusCode = status;
      const count = counts[Math.min(asked, counts.length - 1)] ?? 0;
      if (call.method === "GET") asked++;
      response.end(
        [
          "listener.admin.downstream_cx_active: 7",
          "listener.0.0.0.0_15021.downstream_cx_active: 7",
          "listener.[__]_15090.downstream_cx_active: 7",
          "listener.0.0.0.0_15006.worker_0.downstream_cx_active: 7",
          `listener.0.0.0.0_15006.downstream_cx_active: ${count}`,
          "http.in.downstream_cx_active: 7",
          "",
        ].join("\n"),
      );
    });
    server.listen(socket);
    await once(server, "listening");
    return calls;
  }

  it("asks the proxy to be unready and to let go, then returns once nobody is connected", async () => {
    const calls = await administration([2, 1, 0]);
    const ran = await drain();
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /nobody is connected/);
    assert.deepEqual(calls, [
      "POST /healthcheck/fail",
      "POST /drain_listeners?graceful&skip_exit",
      ...Array.from({ length: 3 }, () => "GET /stats?filter=downstream_cx_active$"),
    ]);
  });

  it("returns after its time whoever is still connected", async () => {
    await administration([1]);
    const ran = await drain({ PICKET_DRAIN_SECONDS: "1" });
    assert.equal(ran.code, 0);
    assert.match(ran.stdout, /still connected after 1 seconds/);
  });

  it("fails when the proxy refuses, cannot be reached, or the time does not read", async () => {
    assert.match((await drain()).stderr, /no such file/);
    await administration([0], 403);
    assert.match((await drain()).stderr, /\/healthcheck\/fail was answered with 403/);
    for (const text of ["-1", "601", "x"]) {
      const ran = await drain({ PICKET_DRAIN_SECONDS: text });
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /PICKET_DRAIN_SECONDS must be from 0 to 600/);
    }
  });

  it("moves the clients of a real proxy away without failing a request", async function () {
    const envoy = envoyOrSkip(this);
    const file = join(folder, "envoy.json");
    writeFileSync(file, JSON.stringify(proxyConfig(socket)));
    const parameters = ["--config-path", file, "--disable-hot-restart", "--drain-time-s", "2", "--concurrency", "1"];
    const running = spawn(envoy, [...parameters, "--drain-strategy", "immediate", "--log-level", "off"]);
    try {
      const port = await listenerPort(socket);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const first = await get({ port, agent });
      assert.equal(first.statusCode, 200);
      assert.equal(first.headers.connection, undefined);
      const draining = drain({ PICKET_DRAIN_SECONDS: "20" });
      // Goes on serving, and asks whoever calls to come back by a new connection.
      let last = first;
      do {
        last = await get({ port, agent });
        assert.equal(last.statusCode, 200);
      } while (last.headers.connection !== "close");
      const ran = await draining;
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, /nobody is connected/);
      assert.equal((await get({ socketPath: socket, path: "/ready" })).statusCode, 503);
      assert.equal((await get({ port, agent })).statusCode, 200);
      agent.destroy();
    } finally {
      running.kill("SIGKILL");
    }
  });
});

function get(options: object): Promise<IncomingMessage & { text: string }> {
  return new Promise((resolve, reject) => {
    request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve(Object.assign(response, { text })));
    })
      .on("error", reject)
      .end();
  });
}

/** The port that the proxy chose, once it serves. */
async function listenerPort(socketPath: string): Promise<number> {
  for (;;) {
    try {
      const { text } = await get({ socketPath, path: "/listeners?format=json" });
      const { listener_statuses: statuses } = JSON.parse(text) as Listeners;
      const port = statuses?.[0]?.local_address.socket_address.port_value;
      if (port !== undefined) return port;
    } catch {
      // It is not up yet.
    }
    await after(50);
  }
}

interface Listeners {
  readonly listener_statuses?: readonly { local_address: { socket_address: { port_value: number } } }[];
}

function proxyConfig(socket: string): unknown {
  const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
  const manager =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  return {
    admin: { address: { pipe: { path: socket, mode: 0o600 } } },
    static_resources: {
      listeners: [
        {
          name: "in",
          address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: "manager",
                  typed_config: {
                    "@type": manager,
                    stat_prefix: "in",
                    drain_timeout: "1s",
                    route_config: {
                      virtual_hosts: [
                        {
                          name: "all",
                          domains: ["*"],
                          routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }],
                        },
                      ],
                    },
                    http_filters: [{ name: "router", typed_config: { "@type": router } }],
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  };
}
