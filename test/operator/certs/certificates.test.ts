import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authorityLifeMs, leafLifeMs } from "../../../operator/certs/authority.ts";
import { createCertificates, tickMs, type Certificates } from "../../../operator/certs/certificates.ts";
import { createCertificateMetrics } from "../../../operator/certs/metrics.ts";
import { settleMs } from "../../../operator/certs/plan.ts";
import { apply } from "../../../operator/kube/apply.ts";
import type { KubeRequest } from "../../../operator/kube/transport.ts";
import { createLog } from "../../../platform/log.ts";
import { Registry } from "../../../platform/metrics.ts";
import { FakeStore } from "../../fake-api/store.ts";
import { storeTransport } from "../../fake-api/transport.ts";
import { FakeTime } from "../kube/fake-time.ts";
import { countedMetrics } from "../kube/parts.ts";

const own = "picket-system";
const secretsPath = `/api/v1/namespaces/${own}/secrets`;
const webhooksPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const day = 86_400_000;

/** Longest wait, in real time, for what has to come; not what is tested. */
const untilMs = 30_000;

/** Replicas of an operator over one store. */
class Scene {
  readonly time = new FakeTime();
  readonly store = new FakeStore(() => this.time.now());
  readonly stop = new AbortController();
  readonly lines: string[] = [];
  readonly writes: KubeRequest[] = [];
  readonly #replicas: { readonly certificates: Certificates; readonly looks: () => number }[] = [];
  /** Throws what the next requests meet. */
  fault: ((request: KubeRequest) => void) | undefined;

  async replica({ isLeader = (): boolean => true, source = "builtin" } = {}): Promise<
    Certificates & { registry: Registry }
  > {
    const registry = new Registry();
    let looks = 0;
    const transport = storeTransport(
      this.store,
      {
        before: (request) => {
          if (request.method !== "GET") this.writes.push(request);
          this.fault?.(request);
        },
      },
      this.time,
    );
    const made = createCertificates({
      transport,
      namespace: own,
      source,
      operatorName: "picket-operator",
      scorerName: "picket-scorer",
      webhookName: "picket",
      isLeader: () => {
        looks++;
        return isLeader();
      },
      metrics: createCertificateMetrics(registry),
      kubeMetrics: countedMetrics().metrics,
      clock: this.time,
      random: () => 0.5,
      log: createLog({ level: "info", format: "text", clock: this.time, write: (line) => this.lines.push(line) }),
      timers: this.time,
    });
    this.#replicas.push({ certificates: made, looks: () => looks });
    return Object.assign(made, { registry });
  }

  async webhook(): Promise<void> {
    const object = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name: "picket" },
      webhooks: ["namespace", "pod"].map((name) => ({ name, clientConfig: { service: { name: "picket-operator" } } })),
    };
    await apply(storeTransport(this.store), object, { fieldManager: "helm" });
  }

  /** Lets time go on until something is so. Keys are made on threads, which no time of a test moves. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + untilMs;
    while (!isSo() && performance.now() < deadline) await this.#moment();
    assert.ok(isSo(), `${what}\n${this.lines.join("")}`);
  }

  async #moment(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await this.time.pass(20);
  }

  async started(certificates: Certificates): Promise<Certificates> {
    let isStarted = false;
    void certificates.start(this.stop.signal).then(() => (isStarted = true));
    await this.until("a certificate", () => isStarted);
    await this.until("the bundle", () => this.bundle() !== "");
    return certificates;
  }

  secret(name: string): Readonly<Record<string, string>> {
    const data = this.store.all(secretsPath).get(`${own}/${name}`)?.["data"] ?? {};
    return Object.fromEntries(
      Object.entries(data as Record<string, string>).map(([key, text]) => [
        key,
        Buffer.from(text, "base64").toString(),
      ]),
    );
  }

  bundle(namespace = own): string {
    const object = this.store.all("/api/v1/configmaps").get(`${namespace}/picket-trust`);
    return (object?.["data"] as Record<string, string> | undefined)?.["ca.crt"] ?? "";
  }

  caBundles(): readonly string[] {
    const object = this.store.all(webhooksPath).get("picket");
    const webhooks = (object?.["webhooks"] ?? []) as readonly { clientConfig: { caBundle?: string } }[];
    return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? "", "base64").toString());
  }

  /** Authorities in a bundle. */
  authorities(bundle = this.bundle()): readonly string[] {
    return [...bundle.matchAll(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)].map(([pem]) => pem);
  }

  isBelieved(certificate: string, bundle = this.bundle()): boolean {
    const leaf = new X509Certificate(certificate);
    return this.authorities(bundle).some((pem) => leaf.verify(new X509Certificate(pem).publicKey));
  }

  /** The wall clock goes on while timers stand still, as on a machine that sleeps; then a tick comes. */
  async sleep(ms: number): Promise<void> {
    this.time.skewMs += ms;
    await this.time.pass(tickMs + 5_000);
    await this.quiet();
  }

  /** Until every replica has looked again and found nothing more to do: a look ends before the next one begins. */
  async quiet(): Promise<void> {
    for (const { certificates, looks } of this.#replicas) {
      for (let i = 0; i < 4; i++) {
        const before = looks();
        certificates.lead();
        await this.until("another look", () => looks() > before);
      }
    }
  }
}

describe("createCertificates", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = new Scene();
    await scene.webhook();
  });
  afterEach(() => scene.stop.abort());

  it("makes an authority, issues both certificates and makes it known everywhere", async () => {
    const certificates = await scene.replica();
    certificates.trustIn(new Set(["bank", "shop"]));
    await scene.started(certificates);
    await scene.until("the webhook", () => scene.caBundles().every((text) => text !== ""));
    await scene.until("every namespace", () => scene.bundle("shop") !== "");
    assert.equal(scene.authorities().length, 1);
    assert.deepEqual([scene.bundle("bank"), scene.bundle("shop")], [scene.bundle(), scene.bundle()]);
    assert.deepEqual(scene.caBundles(), [scene.bundle(), scene.bundle()]);
    for (const [name, service] of [
      ["picket-operator-tls", "picket-operator"],
      ["picket-scorer-tls", "picket-scorer"],
    ] as const) {
      const certificate = scene.secret(name)["tls.crt"]!;
      assert.ok(scene.isBelieved(certificate));
      assert.equal(
        new X509Certificate(certificate).subjectAltName,
        `DNS:${service}.${own}.svc, DNS:${service}.${own}.svc.cluster.local`,
      );
    }
    assert.equal(certificates.tls.context().certificate, scene.secret("picket-operator-tls")["tls.crt"]);
    const { values } = await certificates.registry
      .getSingleMetric("picket_certificate_expiry_timestamp_seconds")!
      .get();
    assert.deepEqual(
      new Set(values.map(({ labels }) => labels["certificate"])),
      new Set(["authority", "operator", "scorer"]),
    );
  });

  it("writes nothing more while nothing has to be done", async () => {
    await scene.started(await scene.replica());
    await scene.quiet();
    const writes = scene.writes.length;
    await scene.time.pass(20 * tickMs);
    assert.equal(scene.writes.length, writes);
  });

  it("prints no key, whatever it logs", async () => {
    await scene.started(await scene.replica());
    assert.ok(scene.lines.length > 0);
    assert.doesNotMatch(scene.lines.join(""), /PRIVATE|MII/);
  });

  it("serves what the leader issued where it does not lead, and writes nothing", async () => {
    const follower = await scene.replica({ isLeader: () => false });
    let isStarted = false;
    void follower.start(scene.stop.signal).then(() => (isStarted = true));
    await scene.time.pass(5 * tickMs);
    assert.equal(isStarted, false);
    assert.deepEqual(scene.writes, []);
    const leader = await scene.started(await scene.replica());
    await scene.until("the follower's certificate", () => isStarted);
    assert.equal(follower.tls.context().certificate, leader.tls.context().certificate);
  });

  it("does not make two authorities when two lead at once", async () => {
    const both = [await scene.replica(), await scene.replica()];
    for (const one of both) void one.start(scene.stop.signal);
    await scene.until("a bundle", () => scene.bundle() !== "");
    await scene.time.pass(3 * tickMs);
    await scene.quiet();
    assert.equal(scene.authorities().length, 1);
    assert.deepEqual(new Set(both.map(({ tls }) => tls.context().certificate)).size, 1);
    assert.ok(scene.isBelieved(both[0]!.tls.context().certificate));
  });

  // Vector L13: expired, wrong authority, rotated twice in a second; L22: none is cut off meanwhile.
  it("renews a certificate at two thirds of its life and after it ended, and tells its servers", async () => {
    const certificates = await scene.started(await scene.replica());
    let changes = 0;
    certificates.tls.onChange(() => changes++);
    const first = certificates.tls.context().certificate;
    await scene.sleep((leafLifeMs * 2) / 3 - day);
    assert.equal(certificates.tls.context().certificate, first);
    await scene.sleep(day);
    const second = certificates.tls.context().certificate;
    assert.notEqual(second, first);
    await scene.sleep(leafLifeMs + 20 * day);
    const third = certificates.tls.context().certificate;
    assert.notEqual(third, second);
    assert.ok(Date.parse(new X509Certificate(third).validTo) > scene.time.now());
    assert.ok(scene.isBelieved(third));
    assert.equal(changes, 2);
    assert.equal(scene.authorities().length, 1);
  });

  it("replaces its authority with both believed, the old one signing until the new one is known", async () => {
    const certificates = await scene.started(await scene.replica());
    const before = scene.bundle();
    await scene.sleep((authorityLifeMs * 2) / 3);
    const during = scene.bundle();
    assert.equal(scene.authorities().length, 2);
    assert.ok(during.includes(before.trim()));
    assert.deepEqual(scene.caBundles(), [during, during]);
    // What is served now is believed by whoever has not heard of the new one.
    assert.ok(scene.isBelieved(certificates.tls.context().certificate, before));
    await scene.sleep(settleMs);
    const served = certificates.tls.context().certificate;
    assert.ok(scene.isBelieved(served, during));
    assert.ok(!scene.isBelieved(served, before));
    assert.equal(scene.bundle(), during);
    await scene.sleep(authorityLifeMs / 3);
    assert.equal(scene.authorities().length, 1);
    assert.ok(!scene.bundle().includes(before.trim()));
    assert.ok(scene.isBelieved(certificates.tls.context().certificate));
  });

  it("heals a Secret that was deleted, or that holds the certificate of another authority", async () => {
    const certificates = await scene.started(await scene.replica());
    const other = new Scene();
    await other.webhook();
    await other.started(await other.replica());
    const transport = storeTransport(scene.store);
    const data = Object.fromEntries(
      Object.entries(other.secret("picket-operator-tls")).map(([name, text]) => [
        name,
        Buffer.from(text).toString("base64"),
      ]),
    );
    const metadata = { name: "picket-operator-tls", namespace: own };
    await apply(transport, { apiVersion: "v1", kind: "Secret", metadata, data }, { fieldManager: "who", force: true });
    await scene.until("the right one", () => scene.isBelieved(scene.secret("picket-operator-tls")["tls.crt"]!));
    await scene.until("it served", () => scene.isBelieved(certificates.tls.context().certificate));

    await transport.request({ method: "DELETE", path: `${secretsPath}/picket-ca` });
    await scene.until("a new authority", () => Object.keys(scene.secret("picket-ca")).length > 0);
    await scene.until("it believed", () => scene.isBelieved(scene.secret("picket-operator-tls")["tls.crt"]!));
    other.stop.abort();
  });

  it("puts an edited bundle right, in every namespace and in the webhook", async () => {
    const certificates = await scene.replica();
    certificates.trustIn(new Set(["bank"]));
    await scene.started(certificates);
    await scene.until("the bundle", () => scene.bundle("bank") !== "");
    const good = scene.bundle();
    const metadata = { name: "picket-trust", namespace: "bank" };
    const edited = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": "mine" } };
    await apply(storeTransport(scene.store), edited, { fieldManager: "who", force: true });
    await scene.until("the bundle put right", () => scene.bundle("bank") === good);
  });

  it("lets no namespace that cannot be written hold up the others", async () => {
    const certificates = await scene.replica();
    certificates.trustIn(new Set(["a-gone", "bank"]));
    scene.fault = ({ path, method }) => {
      if (method === "PATCH" && path.includes("/a-gone/")) throw new Error("the namespace is being terminated");
    };
    await scene.started(certificates);
    await scene.until("the other one", () => scene.bundle("bank") !== "");
    await scene.until("the webhook", () => scene.caBundles().every((text) => text !== ""));
    assert.match(scene.lines.join(""), /trust bundle cannot be written.*"a-gone"/);
    scene.fault = undefined;
    await scene.until("it too", () => scene.bundle("a-gone") !== "");
  });

  it("goes on where the API server failed in between", async () => {
    let failures = 0;
    scene.fault = ({ method, path }) => {
      if (method !== "GET" && /secrets/.test(path) && ++failures % 2 === 1) throw new Error("unavailable");
    };
    const certificates = await scene.started(await scene.replica());
    assert.ok(failures > 1);
    assert.ok(scene.isBelieved(certificates.tls.context().certificate));
    assert.equal(scene.authorities().length, 1);
  });

  it("takes certificates from a folder, where somebody else issues them", async () => {
    const other = new Scene();
    await other.webhook();
    await other.started(await other.replica());
    const folder = mkdtempSync(join(tmpdir(), "certificates-"));
    for (const [name, text] of Object.entries(other.secret("picket-operator-tls")))
      writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, "ca.crt"), other.bundle());
    const certificates = await scene.started(await scene.replica({ source: folder }));
    assert.equal(certificates.tls.context().certificate, other.secret("picket-operator-tls")["tls.crt"]);
    assert.equal(scene.bundle(), other.bundle());
    await scene.until("the webhook", () => scene.caBundles().every((text) => text === other.bundle()));
    assert.equal(scene.store.all(secretsPath).size, 0);
    other.stop.abort();
    rmSync(folder, { recursive: true });
  });
});
