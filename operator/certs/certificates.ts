import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { Secret } from "../../platform/secret.ts";
import { watchTlsFolder } from "../../platform/tls-folder.ts";
import { checkTls, type ServerTls, type TlsMaterial } from "../../platform/tls.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { createQueue, type Outcome, type Queue } from "../kube/queue.ts";
import { systemTimers, type Timers } from "../kube/timers.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { createAuthority, isSignedBy, issueLeaf, readCertificate, type Issued } from "./authority.ts";
import type { CertificateMetrics } from "./metrics.ts";
import { planCertificates, type CertificateState, type KnownLeaf } from "./plan.ts";
import { Secrets } from "./secrets.ts";
import { Trust } from "./trust.ts";

/** Secret with the authorities of the install, in the operator's own namespace. */
export const authoritySecret = "picket-ca";
export const operatorSecret = "picket-operator-tls";
export const scorerSecret = "picket-scorer-tls";

/** How often the wall clock is looked at: monotonic timers miss the time that a machine slept. */
export const tickMs = 60_000;

/** Namespaces that get the trust bundle. */
export const trustNamespacesMax = 20_000;

/** How soon what could not be done for one namespace is tried again. */
const againMs = 5_000;

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
  readonly timers?: Timers;
}

export interface Certificates {
  /** By which the operator's own servers prove themselves. */
  readonly tls: ServerTls;
  /** Resolves when there is a certificate. */
  start(signal: AbortSignal): Promise<void>;
  /** Whether the API server believes the webhook's certificate: until then it goes on without asking, or fails. */
  isKnown(): boolean;
  /** This replica begins to lead. */
  lead(): void;
  /** Namespaces whose pods have to believe the authorities. */
  trustIn(namespaces: ReadonlySet<string>): void;
}

export function createCertificates(options: CertificatesOptions): Certificates {
  return new ClusterCertificates(options);
}

/** Read, plan, apply: what the API server holds is compared with what should be there, at every change and every minute. */
class ClusterCertificates implements Certificates {
  readonly tls: ServerTls;
  readonly #options: CertificatesOptions;
  readonly #secrets: Secrets;
  readonly #trust: Trust;
  readonly #queue: Queue<"certificates">;
  readonly #listeners: (() => void)[] = [];
  #serving: TlsMaterial | undefined;
  #namespaces: ReadonlySet<string> = new Set();
  #arrived: () => void = () => {};

  constructor(options: CertificatesOptions) {
    this.#options = options;
    const followed = { ...options, fieldManager, changed: () => this.#changed() };
    const names = options.source === "builtin" ? [authoritySecret, operatorSecret, scorerSecret] : [];
    this.#secrets = new Secrets({ ...followed, names });
    this.#trust = new Trust(followed);
    this.#queue = createQueue({
      ...options,
      controller: "certificates",
      metrics: options.kubeMetrics,
      work: () => this.#work(),
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
    const { source, log, timers = systemTimers } = this.#options;
    const arrived = new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
    if (source !== "builtin") {
      const folder = watchTlsFolder(source, { log, signal });
      folder.onChange(() => this.#serve(folder.context()));
      this.#serve(folder.context());
    }
    await Promise.all([this.#secrets.start(signal), this.#trust.start(signal)]);
    this.#changed();
    this.#queue.start(signal);
    const tick = (): void => {
      if (signal.aborted) return;
      this.#queue.add("certificates");
      cancel = timers.after(tickMs, tick);
    };
    let cancel = timers.after(tickMs, tick);
    signal.addEventListener("abort", () => cancel(), { once: true });
    await arrived;
  }

  isKnown(): boolean {
    return this.#trust.isKnown();
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
    const served = this.#secrets.pair(operatorSecret);
    if (served !== undefined) this.#serve(served);
    this.#queue.add("certificates", "low");
  }

  #serve(material: TlsMaterial): void {
    const { log } = this.#options;
    if (this.#serving?.certificate === material.certificate) return;
    try {
      checkTls(material);
    } catch (error) {
      log.error("a certificate cannot be used; the last good one stays", { error });
      return;
    }
    this.#serving = material;
    this.#showEnd("operator", readCertificate(material.certificate)?.untilMs);
    for (const listener of this.#listeners) listener();
    this.#arrived();
  }

  async #work(): Promise<Outcome> {
    if (!this.#options.isLeader()) {
      await this.#trust.publishStanding();
      return { kind: "done" };
    }
    const bundle = this.#options.source === "builtin" ? await this.#issue() : this.#folderBundle();
    const isComplete = await this.#trust.publish(bundle, this.#namespaces);
    return isComplete ? { kind: "done" } : { kind: "waiting", afterMs: againMs };
  }

  /** Makes what is missing; gives the bundle of everything to believe. */
  async #issue(): Promise<string> {
    const { clock, namespace, operatorName, scorerName } = this.#options;
    const wanted = new Map([
      [operatorSecret, namesOf(operatorName, namespace)],
      [scorerSecret, namesOf(scorerName, namespace)],
    ]);
    const nowMs = clock.now();
    let authorities = this.#authorities();
    let plan = planCertificates(await this.#state(authorities), nowMs, wanted);
    const kept = authorities.filter(({ certificate }) => !plan.forget.includes(digestOf(certificate)));
    if (plan.createAuthority || kept.length < authorities.length) {
      authorities = plan.createAuthority ? [await createAuthority(nowMs), ...kept] : kept;
      await this.#writeAuthorities(authorities);
      plan = planCertificates(await this.#state(authorities), nowMs, wanted);
    }
    const signer = authorities.find(({ certificate }) => digestOf(certificate) === plan.signer);
    for (const secret of signer === undefined ? [] : plan.issue) {
      await this.#writeLeaf(secret, await issueLeaf(signer!, wanted.get(secret) ?? [], nowMs));
    }
    const ends = authorities.map(({ certificate }) => readCertificate(certificate)?.untilMs ?? 0);
    this.#showEnd("authority", Math.max(...ends));
    this.#showEnd("scorer", readCertificate(this.#secrets.pair(scorerSecret)?.certificate ?? "")?.untilMs);
    return authorities.map(({ certificate }) => certificate).join("");
  }

  async #state(authorities: readonly Issued[]): Promise<CertificateState> {
    const leaves = new Map<string, KnownLeaf>();
    for (const secret of [operatorSecret, scorerSecret]) {
      const stored = this.#secrets.pair(secret);
      const facts = stored === undefined ? undefined : readCertificate(stored.certificate);
      if (stored === undefined || facts === undefined || !isUsable(stored)) continue;
      let signer: string | undefined;
      for (const { certificate } of authorities) {
        if (await isSignedBy(stored.certificate, certificate)) signer ??= digestOf(certificate);
      }
      leaves.set(secret, { ...facts, signer });
    }
    return { authorities: authorities.flatMap(({ certificate }) => readCertificate(certificate) ?? []), leaves };
  }

  /** What the Secret holds and can be used, each once; it is written anew when something is wrong with it. */
  #authorities(): readonly Issued[] {
    const data = this.#secrets.get(authoritySecret)?.data ?? {};
    const found = new Map<string, Issued>();
    for (const [name, certificate] of Object.entries(data)) {
      const issued = { certificate, key: new Secret(data[name.replace(/\.crt$/, ".key")] ?? "") };
      const facts = readCertificate(certificate);
      if (facts?.isAuthority === true && isUsable(issued)) found.set(facts.digest, issued);
    }
    return [...found.values()];
  }

  async #writeAuthorities(authorities: readonly Issued[]): Promise<void> {
    const data = Object.fromEntries(
      authorities.flatMap(({ certificate, key }, index) => [
        [`${index}.crt`, certificate],
        [`${index}.key`, key.reveal()],
      ]),
    );
    await this.#secrets.write(authoritySecret, "Opaque", data);
    this.#options.log.info("authorities written", { count: authorities.length });
  }

  async #writeLeaf(secret: string, { certificate, key }: Issued): Promise<void> {
    await this.#secrets.write(secret, "kubernetes.io/tls", { "tls.crt": certificate, "tls.key": key.reveal() });
    this.#options.log.info("certificate issued", { secret });
  }

  #folderBundle(): string {
    return readFileSync(join(this.#options.source, "ca.crt"), "utf8");
  }

  #showEnd(certificate: "authority" | "operator" | "scorer", untilMs: number | undefined): void {
    if (untilMs !== undefined) this.#options.metrics.expiry.set({ certificate }, untilMs / 1000);
  }
}

function namesOf(service: string, namespace: string): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
}

function digestOf(certificate: string): string {
  return readCertificate(certificate)?.digest ?? "";
}

function isUsable(issued: Issued): boolean {
  try {
    checkTls(issued);
    return true;
  } catch {
    return false;
  }
}
