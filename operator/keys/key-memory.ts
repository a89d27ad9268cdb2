import type { EpochMs } from "../../core/limits/time.ts";
import { isRecord } from "../kube/object.ts";
import { keySetMaxBytes } from "../translate/keys.ts";

/** A key set as it was fetched last. */
export interface HeldKeys {
  readonly jwks: string;
  readonly fetchedMs: EpochMs;
}

const formatVersion = 1;

/** Fetched keys as text, so that an issuer which is away while the operator starts again is not away for callers. */
export function printKeys(keys: ReadonlyMap<string, HeldKeys>): string {
  const entries = [...keys].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify({
    version: formatVersion,
    keys: entries.map(([uri, { jwks, fetchedMs }]) => ({ uri, jwks, fetchedMs })),
  })}\n`;
}

/** Reads what `printKeys` wrote. Anything else is as if nothing had been fetched. */
export function parseKeys(text: string): ReadonlyMap<string, HeldKeys> {
  const keys = new Map<string, HeldKeys>();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return keys;
  }
  if (!isRecord(value) || value["version"] !== formatVersion || !Array.isArray(value["keys"])) return keys;
  for (const entry of value["keys"] as unknown[]) {
    if (!isRecord(entry)) continue;
    const { uri, jwks, fetchedMs } = entry;
    if (typeof uri !== "string" || typeof jwks !== "string" || jwks.length > keySetMaxBytes) continue;
    if (typeof fetchedMs === "number" && Number.isFinite(fetchedMs)) keys.set(uri, { jwks, fetchedMs });
  }
  return keys;
}
