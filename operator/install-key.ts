import { randomBytes } from "node:crypto";
import { Secret } from "../platform/secret.ts";
import { isRecord } from "./kube/object.ts";
import { KubeError, type KubeTransport } from "./kube/transport.ts";
import { installKeyBytes } from "./translate/proxy-key.ts";

/** The Secret with the key from which the keys of all proxies are made. */
export const installKeyName = "picket-proxy-key";

/**
 * The install key, made by whichever replica comes first. Rejects with a KubeError, and with a RangeError for a Secret
 * that holds something else: keys made of it would be no secret.
 */
export async function installKey(transport: KubeTransport, namespace: string): Promise<Secret<Uint8Array>> {
  const list = `/api/v1/namespaces/${namespace}/secrets`;
  try {
    return keyOf(await transport.request({ method: "GET", path: `${list}/${installKeyName}` }));
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== "not-found") throw error;
  }
  const body = {
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: { name: installKeyName, namespace, labels: { "app.kubernetes.io/part-of": "picket" } },
    data: { key: randomBytes(installKeyBytes).toString("base64") },
  };
  try {
    return keyOf(await transport.request({ method: "POST", path: list, body }));
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== "conflict") throw error;
    return keyOf(await transport.request({ method: "GET", path: `${list}/${installKeyName}` }));
  }
}

function keyOf(object: unknown): Secret<Uint8Array> {
  const data = isRecord(object) && isRecord(object["data"]) ? object["data"]["key"] : undefined;
  const key = Buffer.from(typeof data === "string" ? data : "", "base64");
  if (key.length !== installKeyBytes) throw new RangeError(`the Secret ${installKeyName} holds no key of 32 bytes`);
  return new Secret<Uint8Array>(key);
}
