import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { trustConfigMap } from "../inject/names.ts";
import { apply } from "../kube/apply.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { isRecord } from "../kube/object.ts";
import { createReflector, type Reflector } from "../kube/reflector.ts";
import type { Timers } from "../kube/timers.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { toBase64 } from "./secrets.ts";

const trustKey = "ca.crt";

/**
 * Least time between two writes of one place. Somebody who writes something else there each time is answered at this
 * pace, and not as fast as both can.
 */
export const rewriteMs = 1_000;

const registration = "admissionregistration.k8s.io/v1";

export interface TrustOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  /** The MutatingWebhookConfiguration that has to know the authorities. */
  readonly webhookName: string | undefined;
  readonly fieldManager: string;
  readonly changed: () => void;
  readonly kubeMetrics: KubeMetrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly timers?: Timers;
}

interface KnownWebhook {
  readonly name: string;
  readonly caBundle: string;
}

/** Makes the authorities known where somebody has to believe them. */
export class Trust {
  readonly #options: TrustOptions;
  readonly #bundles: Reflector<string>;
  readonly #webhooks: Reflector<readonly KnownWebhook[]> | undefined;
  /** When each place was last written, of those that were written a moment ago. */
  readonly #writtenAt = new Map<string, number>();

  constructor(options: TrustOptions) {
    this.#options = options;
    const { webhookName, kubeMetrics: metrics } = options;
    this.#bundles = createReflector({
      ...options,
      metrics,
      resource: "configmaps",
      path: "/api/v1/configmaps",
      query: { fieldSelector: `metadata.name=${trustConfigMap}` },
      transform: ({ data }) => (isRecord(data) && typeof data[trustKey] === "string" ? data[trustKey] : ""),
    });
    if (webhookName === undefined) return;
    this.#webhooks = createReflector({
      ...options,
      metrics,
      resource: "mutatingwebhookconfigurations",
      path: `/apis/${registration}/mutatingwebhookconfigurations`,
      query: { fieldSelector: `metadata.name=${webhookName}` },
      transform: ({ webhooks }) => (Array.isArray(webhooks) ? webhooks.filter(isRecord).map(knownWebhook) : []),
    });
  }

  /** Resolves when what stands there was read once. */
  async start(signal: AbortSignal): Promise<void> {
    const reflectors = [this.#bundles, ...(this.#webhooks === undefined ? [] : [this.#webhooks])];
    for (const reflector of reflectors) reflector.start(signal);
    await Promise.all(reflectors.map(({ synced }) => synced));
  }

  /**
   * Puts right what differs: the webhook first, since pods are created by it, then one namespace after the other. One
   * that cannot be written, such as one that is being deleted, or was written a moment ago, holds no other up; whether
   * all were.
   */
  async publish(bundle: string, namespaces: Iterable<string>): Promise<boolean> {
    const { namespace, log } = this.#options;
    let isComplete = await this.#toWebhook(bundle);
    const standing = this.#bundles.items();
    for (const place of new Set([namespace, ...namespaces])) {
      if (standing.get(`${place}/${trustConfigMap}`) === bundle) continue;
      try {
        if (this.#mayWrite(`namespace ${place}`)) await this.#toNamespace(bundle, place);
        else isComplete = false;
      } catch (error) {
        isComplete = false;
        log.warn("the trust bundle cannot be written; it is tried again", { namespace: place, error });
      }
    }
    return isComplete;
  }

  /** Whether the webhook has what the operator's own namespace has. No webhook has to know nothing. */
  isKnown(): boolean {
    const { namespace, webhookName = "" } = this.#options;
    const bundle = this.#bundles.items().get(`${namespace}/${trustConfigMap}`);
    const webhooks = this.#webhooks?.items().get(webhookName) ?? [];
    return (
      webhooks.length === 0 || (bundle !== undefined && webhooks.every(({ caBundle }) => caBundle === toBase64(bundle)))
    );
  }

  /**
   * Tells the webhook what the operator's own namespace has. Every replica may: during an upgrade the one that leads may
   * be of a version that knows no webhook, and the new one is not ready before the API server believes it.
   */
  async publishStanding(): Promise<void> {
    const bundle = this.#bundles.items().get(`${this.#options.namespace}/${trustConfigMap}`);
    if (bundle !== undefined && !this.isKnown()) await this.#toWebhook(bundle);
  }

  async #toNamespace(bundle: string, namespace: string): Promise<void> {
    const { transport, fieldManager } = this.#options;
    const metadata = { name: trustConfigMap, namespace, labels: { "app.kubernetes.io/part-of": "picket" } };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { [trustKey]: bundle } };
    await apply(transport, object, { fieldManager, force: true });
  }

  /** Whether it has what it should have. */
  async #toWebhook(bundle: string): Promise<boolean> {
    const { transport, fieldManager, webhookName = "" } = this.#options;
    const webhooks = this.#webhooks?.items().get(webhookName) ?? [];
    const caBundle = toBase64(bundle);
    if (webhooks.every((one) => one.caBundle === caBundle)) return true;
    if (!this.#mayWrite("webhook")) return false;
    const object = {
      apiVersion: registration,
      kind: "MutatingWebhookConfiguration",
      metadata: { name: webhookName },
      webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle } })),
    };
    await apply(transport, object, { fieldManager, force: true });
    return true;
  }

  #mayWrite(place: string): boolean {
    const now = this.#options.clock.monotonic();
    for (const [one, at] of this.#writtenAt) if (now - at >= rewriteMs) this.#writtenAt.delete(one);
    if (this.#writtenAt.has(place)) return false;
    this.#writtenAt.set(place, now);
    return true;
  }
}

function knownWebhook({ name, clientConfig }: Readonly<Record<string, unknown>>): KnownWebhook {
  const caBundle = isRecord(clientConfig) ? clientConfig["caBundle"] : undefined;
  return { name: String(name), caBundle: typeof caBundle === "string" ? caBundle : "" };
}
