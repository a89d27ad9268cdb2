import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { Secret } from "../../platform/secret.ts";
import { watchTlsFolder } from "../../platform/tls-folder.ts";
import { checkTls, type ServerTls, type TlsMaterial } from "../../platform/tls.ts";
import { apply } from "../kube/apply.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { isRecord, type KubeObject } from "../kube/object.ts";
import { createQueue, type Outcome, type Queue } from "../kube/queue.ts";
import { createReflector, type Reflector } from "../kube/reflector.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { createAuthority, isSignedBy, issueLeaf, readCertificate, type Issued } from "./authority.ts";
import type { CertificateMetrics } from "./metrics.ts";
import { planCertificates, type CertificateState, type KnownAuthority, type KnownLeaf } from "./plan.ts";

/** Secret with the authorities of the install, in the operator's own namespace. */
export const authoritySecret = "picket-ca";
export const operatorSecret = "picket-operator-tls";
export const scorerSecret = "picket-scorer-tls";

/** ConfigMap with the authorities to believe, in every namespace with sidecars. */
export const trustName = "picket-trust";

/** How often the wall clock is looked at: monotonic timers miss the time that a machine slept. */
const tickMs = 60_000;

/** Namespaces that get the trust bundle. */
export const trustNamespacesMax = 20_000;

/** Longest wait for what was written to come back by the watch. */
const seenMsMax = 10_000;

const fieldManager = "picket-certificates";

export interface CertificatesOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  /** `builtin`, or a folder with tls.crt, tls.key and ca.crt. */
  readonly source: string;
  /** Services whose names certificates carry. */
  readonly operatorName: string;
  readonly scorerName: string;
  /** The MutatingWebhookConfiguration that has to know the authorities. */
  readonly webhookName: string | undefined;
  readonly isLeader: () => boolean;
  readonly metrics: CertificateMetrics;
  readonly kubeMetrics: KubeMetrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface Certificates {
  /** By which the operator's own servers prove themselves. */
  readonly tls: ServerTls;
  /** Resolves when there is a certificate. */
  start(signal: AbortSignal): Promise<void>;
  /** This replica begins to lead. */
  lead(): void;
  /** Namespaces whose pods have to believe the authorities. */
  trustIn(namespaces: ReadonlySet<string>): void;
}

export function createCertificates(options: CertificatesOptions): Certificates {
  return new ClusterCertificates(options);
}

interface StoredSecret {
  readonly data: Readonly<Record<string, string>>;
}

/** Read, plan, apply: what the API server holds is compared with what should be there, at every change and every minute. */
class ClusterCertificates implements Certificates {
  readonly tls: ServerTls;
  readonly #options: CertificatesOptions;
  readonly #secrets: ReadonlyMap<string, Reflector<StoredSecret>>;
  readonly #trust: Reflector<string>;
  readonly #webhook: Reflector<KubeObject> | undefined;
  readonly #queue: Queue<"certificates">;
  readonly #listeners: (() => void)[] = [];
  #serving: TlsMaterial | undefined;
  #namespaces: ReadonlySet<string> = new Set();
  #arrived: () => void = () => {};

  constructor(options: CertificatesOptions) {
    this.#options = options;
    const { transport, namespace, webhookName, kubeMetrics: metrics, clock, random, log } = options;
    const changed = (): void => this.#changed();
    const common = { transport, changed, metrics, clock, random, log };
    const one = (name: string): Readonly<Record<string, string>> => ({ fieldSelector: `metadata.name=${name}` });
    const names = options.source === "builtin" ? [authoritySecret, operatorSecret, scorerSecret] : [];
    this.#secrets = new Map(
      names.map((name) => [
        name,
        createReflector({
          ...common,
          resource: "secrets",
          path: `/api/v1/namespaces/${namespace}/secrets`,
          query: one(name),
          transform: (object) => secretOf(object),
        }),
      ]),
    );
    this.#trust = createReflector({
      ...common,
      resource: "configmaps",
      path: "/api/v1/configmaps",
      query: one(trustName),
      transform: (object) => secretOf(object, "utf8").data["ca.crt"] ?? "",
    });
    this.#webhook =
      webhookName === undefined
        ? undefined
        : createReflector({
            ...common,
            resource: "mutatingwebhookconfigurations",
            path: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            query: one(webhookName),
            transform: (object) => object,
          });
    this.#queue = createQueue({
      controller: "certificates",
      work: () => this.#work(),
      metrics,
      clock,
      log,
    });
    this.tls = {
      context: () => {
        if (this.#serving === undefined) throw new Error("there is no certificate yet");
        return this.#serving;
      },
      onChange: (listener) => void this.#listeners.push(listener),
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { source, log } = this.#options;
    const arrived = new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
    if (source !== "builtin") {
      const folder = watchTlsFolder(source, { log, signal });
      folder.onChange(() => this.#serve(folder.context()));
      this.#serve(folder.context());
    }
    const reflectors = [
      ...this.#secrets.values(),
      this.#trust,
      ...(this.#webhook === undefined ? [] : [this.#webhook]),
    ];
    for (const reflector of reflectors) reflector.start(signal);
    await Promise.all(reflectors.map(({ synced }) => synced));
    this.#changed();
    this.#queue.start(signal);
    const ticking = setInterval(() => this.#queue.add("certificates"), tickMs);
    signal.addEventListener("abort", () => clearInterval(ticking), { once: true });
    await arrived;
  }

  lead(): void {
    this.#queue.add("certificates");
  }

  trustIn(namespaces: ReadonlySet<string>): void {
    const wanted = new Set([...namespaces].slice(0, trustNamespacesMax));
    if (wanted.size === this.#namespaces.size && [...wanted].every((name) => this.#namespaces.has(name))) return;
    this.#namespaces = wanted;
    this.#queue.add("certificates");
  }

  #changed(): void {
    const served = this.#stored(operatorSecret);
    if (served !== undefined) this.#serve({ certificate: served.certificate, key: served.key });
    this.#queue.add("certificates", "low");
  }

  #serve(material: TlsMaterial): void {
    const { metrics, log } = this.#options;
    if (this.#serving?.certificate === material.certificate) return;
    try {
      checkTls(material);
    } catch (error) {
      log.error("a certificate cannot be used; the last good one stays", { error });
      return;
    }
    this.#serving = material;
    const facts = readCertificate(material.certificate);
    if (facts !== undefined) metrics.expiry.set({ certificate: "operator" }, facts.untilMs / 1000);
    for (const listener of this.#listeners) listener();
    this.#arrived();
  }

  async #work(): Promise<Outcome> {
    if (!this.#options.isLeader()) return { kind: "done" };
    const bundle = this.#options.source === "builtin" ? await this.#issue() : this.#folderBundle();
    if (bundle === "") return { kind: "waiting", afterMs: 1_000 };
    await this.#publish(bundle);
    return { kind: "done" };
  }

  /** Makes what is missing; gives the bundle of everything to believe. */
  async #issue(): Promise<string> {
    const { clock, namespace, operatorName, scorerName, metrics } = this.#options;
    const wanted = new Map([
      [operatorSecret, namesOf(operatorName, namespace)],
      [scorerSecret, namesOf(scorerName, namespace)],
    ]);
    const nowMs = clock.now();
    const authorities = this.#authorities();
    const state = await this.#state(authorities);
    const plan = planCertificates(state, nowMs, wanted);
    const forgotten = new Set(plan.forget);
    const kept = authorities.filter(({ certificate }) => !forgotten.has(readCertificate(certificate)?.digest ?? ""));
    if (plan.createAuthority) {
      await this.#writeAuthorities([await createAuthority(nowMs), ...kept]);
      return "";
    }
    if (forgotten.size > 0) await this.#writeAuthorities(kept);
    const signer = kept.find(({ certificate }) => readCertificate(certificate)?.digest === plan.signer);
    for (const secret of signer === undefined ? [] : plan.issue) {
      await this.#writeLeaf(secret, await issueLeaf(signer!, wanted.get(secret) ?? [], nowMs));
    }
    for (const [secret, label] of [
      [authoritySecret, "authority"],
      [scorerSecret, "scorer"],
    ] as const) {
      const facts = secret === authoritySecret ? state.authorities[0] : state.leaves.get(secret);
      if (facts !== undefined) metrics.expiry.set({ certificate: label }, facts.untilMs / 1000);
    }
    return kept.map(({ certificate }) => certificate).join("");
  }

  async #state(authorities: readonly Issued[]): Promise<CertificateState> {
    const known = authorities.flatMap(({ certificate }): KnownAuthority[] => {
      const facts = readCertificate(certificate);
      return facts === undefined ? [] : [{ ...facts, certificate }];
    });
    const leaves = new Map<string, KnownLeaf>();
    for (const secret of [operatorSecret, scorerSecret]) {
      const stored = this.#stored(secret);
      const facts = stored === undefined ? undefined : readCertificate(stored.certificate);
      if (stored === undefined || facts === undefined || !isUsable(stored)) continue;
      let signer: string | undefined;
      for (const { certificate, digest } of known) {
        if (signer === undefined && (await isSignedBy(stored.certificate, certificate))) signer = digest;
      }
      leaves.set(secret, { ...facts, signer });
    }
    return { authorities: known, leaves };
  }

  #authorities(): readonly Issued[] {
    const { data } = this.#secrets
      .get(authoritySecret)
      ?.items()
      .get(`${this.#options.namespace}/${authoritySecret}`) ?? {
      data: {},
    };
    return Object.keys(data)
      .filter((name) => name.endsWith(".crt"))
      .toSorted()
      .flatMap((name): Issued[] => {
        const key = data[name.replace(/\.crt$/, ".key")];
        return key === undefined ? [] : [{ certificate: data[name]!, key: new Secret(key) }];
      });
  }

  #stored(secret: string): Issued | undefined {
    const data = this.#secrets.get(secret)?.items().get(`${this.#options.namespace}/${secret}`)?.data;
    const certificate = data?.["tls.crt"];
    const key = data?.["tls.key"];
    return certificate === undefined || key === undefined ? undefined : { certificate, key: new Secret(key) };
  }

  async #writeAuthorities(authorities: readonly Issued[]): Promise<void> {
    const data = Object.fromEntries(
      authorities.flatMap(({ certificate, key }, index) => [
        [`${index}.crt`, toBase64(certificate)],
        [`${index}.key`, toBase64(key.reveal())],
      ]),
    );
    this.#options.log.info("authorities written", { count: authorities.length });
    await this.#write(authoritySecret, "Opaque", data);
  }

  async #writeLeaf(secret: string, { certificate, key }: Issued): Promise<void> {
    this.#options.log.info("certificate issued", { secret });
    await this.#write(secret, "kubernetes.io/tls", {
      "tls.crt": toBase64(certificate),
      "tls.key": toBase64(key.reveal()),
    });
  }

  async #write(name: string, type: string, data: Readonly<Record<string, string>>): Promise<void> {
    const { transport, namespace } = this.#options;
    const metadata = { name, namespace, labels: { "app.kubernetes.io/part-of": "picket" } };
    await apply(transport, { apiVersion: "v1", kind: "Secret", type, metadata, data }, { fieldManager, force: true });
    await this.#seen(name, data);
  }

  /** The next look must see what this one wrote, or it would make it once more. */
  async #seen(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    const { namespace, clock } = this.#options;
    const deadline = clock.monotonic() + seenMsMax;
    while (clock.monotonic() < deadline) {
      const held = this.#secrets.get(name)?.items().get(`${namespace}/${name}`)?.data ?? {};
      if (Object.entries(data).every(([key, value]) => toBase64(held[key] ?? "") === value)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #folderBundle(): string {
    return readFileSync(join(this.#options.source, "ca.crt"), "utf8");
  }

  /** Makes the bundle known where somebody has to believe it; an edited one is put right. */
  async #publish(bundle: string): Promise<void> {
    const { transport, namespace } = this.#options;
    const standing = this.#trust.items();
    for (const place of new Set([namespace, ...this.#namespaces])) {
      if (standing.get(`${place}/${trustName}`) === bundle) continue;
      const metadata = { name: trustName, namespace: place, labels: { "app.kubernetes.io/part-of": "picket" } };
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": bundle } };
      await apply(transport, object, { fieldManager, force: true });
    }
    await this.#publishToWebhook(bundle);
  }

  async #publishToWebhook(bundle: string): Promise<void> {
    const { transport, webhookName } = this.#options;
    const object = this.#webhook?.items().get(webhookName ?? "");
    if (object === undefined || webhookName === undefined) return;
    const caBundle = toBase64(bundle);
    const webhooks = (object["webhooks"] as readonly Readonly<Record<string, unknown>>[] | undefined) ?? [];
    const isKnown = webhooks.every(
      ({ clientConfig }) => (clientConfig as Readonly<Record<string, unknown>> | undefined)?.["caBundle"] === caBundle,
    );
    if (isKnown) return;
    await apply(
      transport,
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "MutatingWebhookConfiguration",
        metadata: { name: webhookName },
        webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle } })),
      },
      { fieldManager, force: true },
    );
  }
}

function namesOf(service: string, namespace: string): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
}

/** The data of a Secret, or of a ConfigMap, which is not encoded. */
function secretOf(object: KubeObject, encoding: "base64" | "utf8" = "base64"): StoredSecret {
  const data = isRecord(object["data"]) ? object["data"] : {};
  return {
    data: Object.fromEntries(
      Object.entries(data).map(([name, text]) => [
        name,
        Buffer.from(typeof text === "string" ? text : "", encoding).toString("utf8"),
      ]),
    ),
  };
}

function isUsable(issued: Issued): boolean {
  try {
    checkTls(issued);
    return true;
  } catch {
    return false;
  }
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}
