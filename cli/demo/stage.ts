import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, type Document } from "yaml";
import { serviceNames, type ServiceName, type Target } from "./exchange.ts";
import type { IssuerKey } from "./tokens.ts";

/** `examples/bank/` of the checkout. */
export const bankFolder = new URL("../../examples/bank/", import.meta.url);

/** A folder of this demo's own, gone when it ends. */
export interface Stage {
  readonly policies: string;
  readonly state: string;
  readonly keyFile: string;
  readonly logOf: (service: ServiceName) => string;
  remove(): void;
}

export function createStage(key: IssuerKey): Stage {
  const folder = mkdtempSync(join(tmpdir(), "picket-demo-"));
  const policies = join(folder, "policies");
  const state = join(folder, "state");
  const keyFile = join(folder, "issuer.pem");
  mkdirSync(policies);
  mkdirSync(state);
  writeFileSync(keyFile, key.privatePem, { mode: 0o600 });
  return {
    policies,
    state,
    keyFile,
    logOf: (service) => join(folder, `${service}.jsonl`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * Copies the sample policies with the ports of this run and the key of this run's issuer; nothing else changes, so
 * that what the demo shows is what the files say.
 */
export function copyPolicies(stage: Stage, key: IssuerKey, listen: Target, upstream: Target): readonly string[] {
  const folders = ["policies/", "standalone/"].map((name) => new URL(name, bankFolder));
  return folders.flatMap((folder) => {
    const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
    for (const file of files) {
      const documents = parseAllDocuments(readFileSync(new URL(file, folder), "utf8")) as Document.Parsed[];
      for (const document of documents) fit(document, key, listen, upstream);
      writeFileSync(join(stage.policies, file), documents.map(String).join(""));
    }
    return files;
  });
}

function fit(document: Document.Parsed, key: IssuerKey, listen: Target, upstream: Target): void {
  const kind = document.get("kind");
  if (kind === "ApiIdentity") {
    document.setIn(["spec", "jwt", 0, "jwks", "inline"], JSON.stringify({ keys: [key.publicJwk] }));
  }
  if (kind === "Workload") {
    const name = document.getIn(["metadata", "name"]);
    const service = serviceNames.find((candidate) => candidate === name);
    if (service === undefined) throw new Error(`the sample bank has no service for Workload "${String(name)}"`);
    document.setIn(["spec", "listen"], `127.0.0.1:${listen[service]}`);
    document.setIn(["spec", "upstream"], `127.0.0.1:${upstream[service]}`);
  }
}

/** Ports that the kernel holds free now. Somebody else could take one before it is used; then the start fails, loudly. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
