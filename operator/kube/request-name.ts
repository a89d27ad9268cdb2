import { boundedLabel } from "../../platform/metrics.ts";

/** Resources told apart in metrics. Our code names a few dozen; this only guards against a mistake. */
const resourcesMax = 100;

/** The resource that a path of the API is about, with its subresource, as a metric label: `pods`, `apipolicies/status`. */
export function createResourceLabel(): (path: string) => string {
  const bounded = boundedLabel(resourcesMax, () => {});
  return (path) => bounded(resourceOf(path));
}

function resourceOf(path: string): string {
  const [root, ...rest] = path.split("/").filter((segment) => segment !== "");
  // /api/v1/… and /apis/GROUP/VERSION/…
  const parts = rest.slice(root === "apis" ? 2 : 1);
  const own = parts[0] === "namespaces" && parts.length > 2 && parts[2] !== "status" ? parts.slice(2) : parts;
  const [resource = "none", , subresource] = own;
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}
