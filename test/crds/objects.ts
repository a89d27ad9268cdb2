import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { apiVersion } from "../../core/policy/parse.ts";

const root = join(import.meta.dirname, "../..");

export interface AnyObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: unknown;
}

export interface Example {
  readonly file: string;
  readonly object: AnyObject;
}

/** Every object of examples/ that a cluster takes: no Workload, which is a kind for files, and no test of policies. */
export function examples(): readonly Example[] {
  return globSync("examples/**/*.yaml", { cwd: root })
    .toSorted()
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(root, file), "utf8")).map((document) => ({
        file,
        object: document.toJS() as AnyObject,
      })),
    )
    .filter(({ object }) => object.apiVersion === apiVersion && object.kind !== "Workload");
}
