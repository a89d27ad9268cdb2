import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { Secret } from "../../platform/secret.ts";
import { apply } from "../kube/apply.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { isRecord, type KubeObject } from "../kube/object.ts";
import { createReflector, type Reflector } from "../kube/reflector.ts";
import { listPath } from "../kube/resource-path.ts";
import type { Timers } from "../kube/timers.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { Issued } from "./authority.ts";

/** Longest wait for what was written to come back by the watch; then what stands there counts again. */
const writtenMsMax = 10_000;

/** What a Secret holds, as texts. */
export interface StoredSecret {
  readonly data: Readonly<Record<string, string>>;
  readonly resourceVersion: string;
}

export interface SecretsOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  readonly names: readonly string[];
  readonly fieldManager: string;
  readonly changed: () => void;
  readonly kubeMetrics: KubeMetrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly timers?: Timers;
}

/** A few Secrets of the own namespace, followed and written. Two writers never overwrite each other unseen. */
export class Secrets {
  readonly #options: SecretsOptions;
  readonly #reflectors: ReadonlyMap<string, Reflector<StoredSecret>>;
  /** What was written and is not seen yet: without it the next look would do the same once more. */
  readonly #written = new Map<string, StoredSecret & { readonly untilMs: number }>();

  constructor(options: SecretsOptions) {
    this.#options = options;
    const { names, namespace, kubeMetrics: metrics } = options;
    const path = listPath({ apiVersion: "v1", kind: "Secret", namespace });
    this.#reflectors = new Map(
      names.map((name) => {
        const query = { fieldSelector: `metadata.name=${name}` };
        return [name, createReflector({ ...options, metrics, resource: "secrets", path, query, transform: stored })];
      }),
    );
  }

  /** Resolves when all of them were read once. */
  async start(signal: AbortSignal): Promise<void> {
    for (const reflector of this.#reflectors.values()) reflector.start(signal);
    await Promise.all([...this.#reflectors.values()].map(({ synced }) => synced));
  }

  get(name: string): StoredSecret | undefined {
    const seen = this.#reflectors.get(name)?.items().get(`${this.#options.namespace}/${name}`);
    const written = this.#written.get(name);
    if (written === undefined) return seen;
    if (seen?.resourceVersion !== written.resourceVersion && this.#options.clock.monotonic() < written.untilMs) {
      return written;
    }
    this.#written.delete(name);
    return seen;
  }

  /** The certificate and key of a Secret of type `kubernetes.io/tls`. */
  pair(name: string): Issued | undefined {
    const { "tls.crt": certificate, "tls.key": key } = this.get(name)?.data ?? {};
    return certificate === undefined || key === undefined ? undefined : { certificate, key: new Secret(key) };
  }

  /** Rejects with a conflict when somebody wrote it since it was read, or made it meanwhile. */
  async write(name: string, type: string, data: Readonly<Record<string, string>>): Promise<void> {
    const { transport, namespace, fieldManager, clock } = this.#options;
    const known = this.get(name);
    const metadata = { name, namespace, labels: { "app.kubernetes.io/part-of": "picket" } };
    const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, toBase64(text)]));
    const object = { apiVersion: "v1", kind: "Secret", type, data: encoded };
    this.#written.delete(name);
    const answer =
      known === undefined
        ? await transport.request({
            method: "POST",
            path: listPath({ apiVersion: "v1", kind: "Secret", namespace }),
            query: { fieldManager },
            body: { ...object, metadata },
          })
        : await apply(
            transport,
            { ...object, metadata: { ...metadata, resourceVersion: known.resourceVersion } },
            { fieldManager, force: true },
          );
    const resourceVersion =
      isRecord(answer) && isRecord(answer["metadata"]) ? answer["metadata"]["resourceVersion"] : "";
    const untilMs = clock.monotonic() + writtenMsMax;
    this.#written.set(name, { data, resourceVersion: String(resourceVersion), untilMs });
  }
}

/** Base64 of a text, as Secrets hold it. */
export function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function stored(object: KubeObject): StoredSecret {
  const data = isRecord(object["data"]) ? object["data"] : {};
  const texts = Object.entries(data).map(([name, text]) => {
    return [name, Buffer.from(typeof text === "string" ? text : "", "base64").toString("utf8")];
  });
  return {
    data: Object.fromEntries(texts) as Readonly<Record<string, string>>,
    resourceVersion: object.metadata.resourceVersion,
  };
}
