import assert from "node:assert/strict";
import { Agent, request } from "node:https";
import { connect } from "node:net";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { createInjectionMetrics } from "../../../operator/inject/metrics.ts";
import {
  createWebhook,
  reviewBytesMax,
  reviewsBytesMax,
  webhookConnectionsMax,
  type WebhookServer,
} from "../../../operator/inject/webhook.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";
import { settings } from "../../golden/inject/cases.ts";
import { Authority, SwappableTls } from "../../platform/authority.ts";

describe("createWebhook", () => {
  let authority: Authority;
  let tls: SwappableTls;
  let server: WebhookServer;
  let port = 0;
  let ready = true;
  let lines: string[] = [];
  let registry: Registry;

  before(async () => {
    authority = await Authority.create("webhooks");
  });
  beforeEach(async () => {
    tls = new SwappableTls(await authority.issue());
    registry = new Registry();
    ready = true;
    lines = [];
    server = createWebhook({
      settings,
      namespaceOf: (name) =>
        name === "bank" ? { name, labels: { "picket.dev/inject": "enabled" }, annotations: {} } : undefined,
      tls,
      metrics: createInjectionMetrics(registry),
      log: createLog({ level: "debug", format: "text", clock: systemClock, write: (line) => lines.push(line) }),
      ready: () => ready,
    });
    ({ port } = await server.start({ host: "127.0.0.1", port: 0, path: "" }));
  });
  afterEach(() => server.stop());

  const review = JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "1",
      resource: { group: "", version: "v1", resource: "pods" },
      operation: "CREATE",
      namespace: "bank",
      object: { metadata: { name: "a" }, spec: { containers: [{ name: "app", ports: [{ containerPort: 80 }] }] } },
    },
  });

  interface Answer {
    readonly status: number;
    readonly body: string;
    readonly certificate: PeerCertificate;
  }

  function call(method: string, path: string, body: string | Buffer = "", agent?: Agent): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, method, path, ca: authority.pem, agent: agent ?? new Agent() };
      const sent = request(options, (response) => {
        let text = "";
        const certificate = (response.socket as TLSSocket).getPeerCertificate();
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text, certificate }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  const countOf = async (result: string): Promise<number | undefined> => {
    const { values } = await registry.getSingleMetric("picket_injections_total")!.get();
    return values.find(({ labels }) => labels["result"] === result)?.value;
  };

  it("answers reviews by HTTPS, with the query that the API server adds, and counts them", async () => {
    const { status, body } = await call("POST", "/inject?timeout=5s", review);
    assert.equal(status, 200);
    assert.match(body, /"allowed":true.*"patchType":"JSONPatch"/);
    assert.equal(await countOf("injected"), 1);
    assert.deepEqual(lines, []);
  });

  it("says and counts what is not protected", async () => {
    await call("POST", "/inject", review.replace('"spec":{', '"spec":{"hostNetwork":true,'));
    await call("POST", "/inject", "no review");
    assert.deepEqual([await countOf("refused"), await countOf("failed")], [1, 1]);
    assert.match(lines.join(""), /not protected result="refused" reason="the pod uses the network of its node/);
  });

  it("is ready when it knows namespaces", async () => {
    assert.equal((await call("GET", "/readyz")).status, 200);
    ready = false;
    assert.equal((await call("GET", "/readyz")).status, 503);
  });

  it("serves nothing else", async () => {
    for (const [method, path, status] of [
      ["GET", "/inject", 405],
      ["POST", "/readyz", 404],
      ["GET", "/", 404],
      ["POST", "/inject/../metrics", 404],
    ] as const) {
      assert.equal((await call(method, path)).status, status, `${method} ${path}`);
    }
  });

  it("answers a review that is too large without keeping it", async () => {
    const answered = await call("POST", "/inject", Buffer.alloc(reviewBytesMax + 1, " ")).catch(String);
    if (typeof answered !== "string") assert.match(answered.body, /more than 8388608 bytes/);
    assert.equal(await countOf("failed"), 1);
  });

  it("holds a bounded number of bytes of all reviews, and lets go of what was cut off", async () => {
    const part = Buffer.alloc(reviewBytesMax - 1, " ");
    const senders = Array.from({ length: Math.ceil(reviewsBytesMax / part.length) + 1 }, () => {
      const sent = request({ host: "127.0.0.1", port, method: "POST", path: "/inject", ca: authority.pem });
      const answered = new Promise<number>((resolve) => {
        sent.on("response", (response) => resolve(response.statusCode ?? 0));
      });
      sent.on("error", () => {});
      sent.write(part);
      return { sent, answered };
    });
    assert.equal(await Promise.race(senders.map(({ answered }) => answered)), 503);
    for (const { sent } of senders) sent.destroy();
    let status = 0;
    while (status !== 200) ({ status } = await call("POST", "/inject", Buffer.concat([part, Buffer.from("x")])));
  });

  it("takes another certificate over while connections stay", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await call("POST", "/inject", review, agent);
    tls.swap(await authority.issue({ names: ["new"] }));
    assert.equal((await call("GET", "/readyz")).certificate.subject.CN, "new");
    const kept = await call("POST", "/inject", review, agent);
    assert.equal(kept.certificate.serialNumber, before.certificate.serialNumber);
    agent.destroy();
  });

  it("keeps its certificate when the next one does not work", async () => {
    const [one, other] = [await authority.issue(), await authority.issue()];
    tls.swap({ certificate: one.certificate, key: other.key });
    assert.equal((await call("GET", "/readyz")).status, 200);
    assert.match(lines.join(""), /certificate cannot be used/);
  });

  it("holds a bounded number of connections", async () => {
    const sockets = Array.from({ length: webhookConnectionsMax + 20 }, () => connect(port, "127.0.0.1"));
    let closed = 0;
    await new Promise<void>((resolve) => {
      for (const socket of sockets) socket.on("error", () => {}).once("close", () => ++closed === 20 && resolve());
    });
    for (const socket of sockets) socket.destroy();
    // It may take a moment until the server has seen them go.
    let status = 0;
    while (status !== 200)
      status = await call("GET", "/readyz").then(
        (answer) => answer.status,
        () => 0,
      );
  });
});
