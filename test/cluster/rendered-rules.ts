import assert from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Cluster } from "./cluster.ts";

const chart = join(import.meta.dirname, "../../charts/picket");

/** The rules of the operator's ClusterRole, or of its Role, as the chart has them in a mode of injection. */
export async function renderedRules(
  cluster: Cluster,
  mode: "webhook" | "policy",
  kind: "ClusterRole" | "Role" = "ClusterRole",
): Promise<readonly object[]> {
  const place = ["--namespace", "picket-system", "--kube-version", "1.36.3"];
  const only = ["--set", `injection.mode=${mode}`, "--show-only", `templates/operator/${kind.toLowerCase()}.yaml`];
  const text = await cluster.helm(["template", "picket", chart, ...place, ...only]);
  const role = parseAllDocuments(text)
    .map((document) => document.toJS() as { readonly kind?: string; readonly rules?: readonly object[] })
    .find((one) => one.kind === kind);
  assert.ok(role?.rules !== undefined);
  return role.rules;
}
