import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface TemporaryFiles {
  readonly folder: string;
  remove(): void;
}

/** A folder with these files. */
export function writeFiles(files: Readonly<Record<string, string>>): TemporaryFiles {
  const folder = mkdtempSync(join(tmpdir(), "picket-cli-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const head = "apiVersion: picket.dev/v1alpha1\nkind:";

/** A policy in the namespace bank with these lines in its spec. */
export function policyOf(name: string, ...spec: readonly string[]): string {
  return `${head} ApiPolicy\nmetadata: { name: ${name}, namespace: bank }\nspec:\n${spec.map((line) => `  ${line}\n`).join("")}`;
}

export function workloadOf(name: string, port = 8080): string {
  const spec = `listen: "127.0.0.1:${port}", upstream: "127.0.0.1:${port + 1000}"`;
  return `${head} Workload\nmetadata: { name: ${name}, namespace: bank, labels: { app: ${name} } }\nspec: { ${spec} }\n`;
}
