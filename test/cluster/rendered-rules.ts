import assert from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Cluster } from "./cluster.ts";

const chart = join(import.meta.dirname, "../../charts/picket");

/** The rules of the operator's ClusterRole as the chart has them in a mode of injection. */
export async function clusterRoleRules(cluster: Cluster, mode: "webhook" | "policy"): Promise<unknown> {
  const place = ["--namespace", "picket-system", "--kube-version", "1.36.3"];
  const only = ["--set", `injection.mode=${mode}`, "--show-only", "templates/operator/clusterrole.yaml"];
  const text = await cluster.helm(["template", "picket", chart, ...place, ...only]);
  const role = parseAllDocuments(text)
    .map((document) => document.toJS() as { readonly kind?: string; readonly rules?: unknown })
    .find(({ kind }) => kind === "ClusterRole");
  assert.ok(role?.rules !== undefined);
  return role.rules;
}
