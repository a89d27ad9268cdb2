import { join } from "node:path";
import { createApiClient } from "./api-client.ts";
import { succeed } from "./command.ts";

/** Reads from the API server while the cluster starts. Throws unless the answer is 200. */
export type Probe = (path: string) => Promise<unknown>;

const probeTimeoutMs = 2_000;

export interface ProbeOptions {
  readonly pki: string;
  readonly apiUrl: string;
  /** Words that bring a command to where the API server listens. */
  readonly enter: readonly string[];
}

/** A process cannot enter a namespace itself, so where there is one, curl asks from inside. */
export function createProbe({ pki, apiUrl, enter }: ProbeOptions): Probe {
  const file = (name: string): string => join(pki, name);
  if (enter.length > 0) {
    const identity = ["--cacert", file("ca.crt"), "--cert", file("admin.crt"), "--key", file("admin.key")];
    const curl = ["curl", "--fail", "--silent", "--show-error", "--max-time", String(probeTimeoutMs / 1_000)];
    return async (path) => succeed([...enter, ...curl, ...identity, `${apiUrl}${path}`]);
  }
  return async (path) => {
    const client = createApiClient({ pki, apiUrl });
    try {
      const { status, body } = await client.call("GET", path, { timeoutMs: probeTimeoutMs });
      if (status !== 200) throw new Error(`${path} answered ${status}`);
      return body;
    } finally {
      client.close();
    }
  };
}
