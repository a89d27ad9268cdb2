import type { Cluster } from "../cluster/client.ts";
import { textAt } from "../cluster/object.ts";
import {
  checksOf,
  isAtLeast,
  kubernetesMin,
  parseVersion,
  policyInjectionMin,
  type KubernetesVersion,
} from "./facts.ts";
import type { Check } from "./report.ts";

/** Whether the API server answers, and is new enough. Throws a CommandError when it does not answer. */
export async function checkApi(
  cluster: Cluster,
): Promise<{ readonly checks: readonly Check[]; readonly version: KubernetesVersion | undefined }> {
  const { ok, fail } = checksOf("kubernetes");
  const text = textAt(await cluster.get("/version"), "gitVersion");
  const version = parseVersion(text);
  const answers = ok("api", `the API server of context ${cluster.context} answers`);
  if (version === undefined) {
    return { checks: [answers, fail("version", `${text || "no text"} is no version`, "kubectl version")], version };
  }
  if (!isAtLeast(version, kubernetesMin)) {
    const message = `${text} has no native sidecars; they are on from 1.29`;
    return { checks: [answers, fail("version", message, "upgrade the cluster to Kubernetes 1.29 or later")], version };
  }
  const ways = isAtLeast(version, policyInjectionMin) ? "by webhook or by policy" : "by webhook only";
  return { checks: [answers, ok("version", `${text}: injection ${ways}`)], version };
}
