import { createHash, createHmac } from "node:crypto";
import type { Secret } from "../../platform/secret.ts";

/** Gives the key of a workload's proxies by its name, `namespace/name`. */
export type ProxyKeyOf = (workload: string) => string;

/** Bytes of the install key. */
export const installKeyBytes = 32;

/**
 * One key per workload from one key per install (docs/decisions/0010-proxies-prove-themselves-by-a-key.md). Every
 * replica that holds the install key gives the same.
 */
export function createProxyKeys(installKey: Secret<Uint8Array>): ProxyKeyOf {
  if (installKey.reveal().length !== installKeyBytes) throw new RangeError("an install key has 32 bytes");
  return (workload) =>
    createHmac("sha256", installKey.reveal()).update(`picket proxy key\n${workload}`).digest("base64url");
}

/** What the scorers get instead of the key. */
export function digestOfProxyKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
