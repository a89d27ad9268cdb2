import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTransport, KubeError, type KubeRequest, type KubeTransport } from "../../../operator/kube/transport.ts";
import { systemClock } from "../../../platform/clock.ts";
import { cut, drip, hang, refuse, reset, say, stall } from "../../fake-api/faults.ts";
import { FakeApi } from "../../fake-api/server.ts";
import { countedMetrics, silentLog } from "./parts.ts";

const log = silentLog(systemClock);
const list = "/api/v1/namespaces/bank/configmaps";
const get: KubeRequest = { method: "GET", path: list };

describe("a transport", () => {
  const counted = countedMetrics();
  /** How far the clock of the transport is ahead of ours. */
  let aheadMs = 0;
  const clock = { now: () => systemClock.now() + aheadMs, monotonic: () => systemClock.monotonic() + aheadMs };
  let api: FakeApi;
  let transport: KubeTransport;

  before(async () => {
    api = await FakeApi.start();
  });
  after(() => api.stop());
  beforeEach(async () => {
    const { kubeconfig } = api;
    transport = await createTransport({ kubeconfig, log, clock, metrics: counted.metrics });
  });
  afterEach(() => {
    transport.close();
    api.mend();
  });

  const failure = (request: Promise<unknown>): Promise<KubeError> =>
    request.then(
      () => assert.fail("it did not fail"),
      (error: unknown) => {
        assert.ok(error instanceof KubeError);
        return error;
      },
    );

  for (const [status, reason, code] of [
    [400, "BadRequest", "invalid"],
    [401, "Unauthorized", "unauthorized"],
    [403, "Forbidden", "forbidden"],
    [404, "NotFound", "not-found"],
    [409, "AlreadyExists", "conflict"],
    [410, "Expired", "gone"],
    [422, "Invalid", "invalid"],
    [429, "TooManyRequests", "throttled"],
    [500, "InternalError", "unavailable"],
    [503, "ServiceUnavailable", "unavailable"],
    [302, "", "other"],
  ] as const) {
    it(`calls ${status} ${reason} ${code}, of requests and of watches`, async () => {
      api.plan({ times: 2 }, refuse(status, reason));
      const error = await failure(transport.request(get));
      assert.deepEqual([error.code, error.status, error.reason], [code, status, reason]);
      const watch = await failure(transport.watch({ ...get, query: { watch: "true" } }, { line: () => {} }));
      assert.deepEqual([watch.code, watch.status, watch.reason], [code, status, reason]);
    });
  }

  it("names the request in its messages, and never more of the server's text than fits in a line", async () => {
    api.plan({ times: 1 }, (response) => {
      response.writeHead(403).end(JSON.stringify({ kind: "Status", reason: "Forbidden", message: "m".repeat(10_000) }));
      return "answered";
    });
    const { message } = await failure(transport.request(get));
    assert.match(message, /^GET \/api\/v1\/namespaces\/bank\/configmaps: 403 Forbidden m+$/);
    assert.ok(message.length < 500);
  });

  it("knows a failure by its status where the body is a page of a proxy, or too large, or cut", async () => {
    for (const body of ["<html>", Buffer.alloc(2 << 20, "x")]) {
      api.plan({ times: 1 }, (response) => {
        response.writeHead(503, { "retry-after": "0" }).end(body);
        return "answered";
      });
      assert.equal((await failure(transport.request(get))).status, 503);
    }
  });

  it("calls an answer that is no JSON malformed", async () => {
    api.plan({ times: 1 }, say("<html>"));
    assert.equal((await failure(transport.request(get))).code, "malformed");
    api.plan({ times: 1 }, say(""));
    assert.equal((await failure(transport.request(get))).code, "malformed");
  });

  it("calls a connection that breaks inside an answer unavailable", async () => {
    api.plan({ times: 1 }, cut('{"items":['));
    assert.equal((await failure(transport.request(get))).code, "unavailable");
  });

  it("gives up after the time that the caller named, and tells a late answer from a stop by the caller", async () => {
    api.plan({ times: 1 }, hang);
    assert.deepEqual(brief(await failure(transport.request({ ...get, timeoutMs: 30 }))), ["timeout", "Deadline"]);
    api.plan({ times: 1 }, stall('{"items":['));
    assert.deepEqual(brief(await failure(transport.request({ ...get, timeoutMs: 30 }))), ["timeout", "Deadline"]);
    api.plan({ times: 1 }, hang);
    const stop = new AbortController();
    const stopped = failure(transport.request({ ...get, signal: stop.signal }));
    stop.abort();
    assert.deepEqual(brief(await stopped), ["other", "Aborted"]);
  });

  const brief = ({ code, reason }: KubeError): readonly string[] => [code, reason];

  it("calls a watch that stays silent so, and one that drips not", async () => {
    api.plan({ verb: "WATCH", times: 1 }, stall("one\n"));
    const lines: string[] = [];
    let opened = 0;
    const on = { opened: () => opened++, line: (text: string) => void lines.push(text) };
    const watch = { ...get, query: { watch: "true" }, timeoutMs: 60 };
    assert.deepEqual(brief(await failure(transport.watch(watch, on))), ["timeout", "Silent"]);
    assert.deepEqual([lines, opened], [["one"], 1]);
    api.plan({ verb: "WATCH", times: 1 }, drip(Buffer.from("two\nthree\n"), 1, 15));
    await transport.watch({ ...watch, timeoutMs: 1_000 }, on);
    assert.deepEqual(lines, ["one", "two", "three"]);
  });

  it("ends a watch with what its reader throws", async () => {
    api.plan({ verb: "WATCH", times: 1 }, stall("one\n"));
    const thrown = new KubeError({ code: "gone", status: 410, reason: "Expired", message: "x" });
    const watch = transport.watch(
      { ...get, query: { watch: "true" } },
      {
        line: () => {
          throw thrown;
        },
      },
    );
    assert.equal(await failure(watch), thrown);
  });

  it("is left alone for as long as a 429 or 503 asks; leases are not", async () => {
    api.plan({ times: 1 }, refuse(429, "", 1));
    assert.equal((await failure(transport.request(get))).retryAfterMs, 1_000);
    const before = await counted.value("picket_kube_throttled_seconds_total");
    assert.deepEqual(brief(await failure(transport.request({ ...get, timeoutMs: 30 }))), ["timeout", "Deadline"]);
    assert.ok((await counted.value("picket_kube_throttled_seconds_total")) > before);
    await transport.request({ ...get, urgent: true, timeoutMs: 5_000 });
    await transport.request(get);
  });

  it("believes no Retry-After beyond a minute, and none that is no number", async () => {
    api.plan({ times: 1 }, refuse(500, "", 999_999));
    assert.equal((await failure(transport.request(get))).retryAfterMs, 60_000);
    api.plan({ times: 1 }, (response) => {
      response.writeHead(500, { "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT" }).end();
      return "answered";
    });
    assert.equal((await failure(transport.request(get))).retryAfterMs, undefined);
  });

  it("asks again by itself only for a GET, and only where a kept connection had gone stale", async () => {
    await transport.request(get);
    const stale = api.plan({ times: 1 }, reset);
    await transport.request(get);
    assert.equal(stale.met, 1);
    api.plan({ times: 1 }, reset);
    const body = { metadata: { name: "a" } };
    assert.equal((await failure(transport.request({ method: "POST", path: list, body }))).code, "unavailable");
  });

  it("reads its kubeconfig again when the server does not know it any more, but not all the time", async () => {
    await transport.request(get);
    api.rotateToken(true);
    assert.equal((await failure(transport.request(get))).code, "unauthorized");
    assert.equal((await failure(transport.request(get))).code, "unauthorized");
    aheadMs += 20_000;
    assert.equal((await failure(transport.request(get))).code, "unauthorized");
    await transport.request(get);
  });

  it("keeps many requests at once apart", async () => {
    const names = Array.from({ length: 40 }, (_, i) => `many-${i}`);
    await Promise.all(
      names.map((name) =>
        transport.request({ method: "POST", path: list, body: { kind: "ConfigMap", metadata: { name } } }),
      ),
    );
    const answers = await Promise.all(
      names.map((name) => transport.request({ method: "GET", path: `${list}/${name}` })),
    );
    assert.deepEqual(
      answers.map((answer) => (answer as { metadata: { name: string } }).metadata.name),
      names,
    );
  });

  it("counts requests by resource and class of answer", async () => {
    const before = await counted.value("picket_kube_requests_total", { verb: "DELETE" });
    await failure(transport.request({ method: "DELETE", path: `${list}/nobody` }));
    const labels = { verb: "DELETE", resource: "configmaps", code_class: "4xx" };
    assert.equal(await counted.value("picket_kube_requests_total", labels), before + 1);
  });

  it("answers everything that is under way when it is closed, and nothing afterwards", async () => {
    api.plan({ times: 2 }, hang);
    const requests = [
      failure(transport.request(get)),
      failure(transport.watch({ ...get, query: { watch: "true" } }, { line: () => {} })),
    ];
    transport.close();
    for (const request of requests) assert.equal((await request).reason, "Aborted");
    assert.equal((await failure(transport.request(get))).reason, "Aborted");
  });

  describe("and its kubeconfig", () => {
    const folder = mkdtempSync(join(tmpdir(), "picket-transport-"));
    after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "config");
    const connect = (text: string): Promise<KubeTransport> => {
      writeFileSync(file, text);
      return createTransport({ kubeconfig: file, log, clock });
    };

    for (const [what, change] of [
      ["is no YAML", () => "{"],
      ["names no cluster", (text: string) => text.replace('"current-context":"fake"', '"current-context":"other"')],
      ["names a server without TLS", (text: string) => text.replace("https://", "http://")],
    ] as const) {
      it(`refuses one that ${what}`, async () => {
        const text = change(readFileSync(api.kubeconfig, "utf8"));
        await assert.rejects(connect(text), { name: "KubeError", reason: "Kubeconfig" });
      });
    }

    it("refuses one that is not there", async () => {
      await assert.rejects(createTransport({ kubeconfig: join(folder, "none"), log, clock }), { reason: "Kubeconfig" });
    });

    it("keeps the path of a server behind a gateway", async () => {
      const text = readFileSync(api.kubeconfig, "utf8").replace(/(https:\/\/127.0.0.1:\d+)/, "$1/k8s/clusters/one/");
      const behind = await connect(text);
      await failure(behind.request(get));
      assert.equal(api.requests.at(-1)!.path, `/k8s/clusters/one${list}`);
      behind.close();
    });

    it("does not talk to a server that its authority does not vouch for", async () => {
      const other = await FakeApi.start();
      const port = /127\.0\.0\.1:(\d+)/.exec(readFileSync(other.kubeconfig, "utf8"))![1]!;
      const text = readFileSync(api.kubeconfig, "utf8").replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`);
      const fooled = await connect(text);
      assert.equal((await failure(fooled.request(get))).code, "unavailable");
      assert.deepEqual(other.requests, []);
      fooled.close();
      await other.stop();
    });
  });
});
