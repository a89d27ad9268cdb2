import type { AccessQuestion, Cluster } from "../cluster/client.ts";
import {
  captureModeAnnotation,
  findInstall,
  injectLabel,
  installNamespaceDefault,
  podSecurityLabel,
  redirectRefusedLevels,
} from "../cluster/install.ts";
import { annotationsOf, labelsOf, nameOf, textAt } from "../cluster/object.ts";
import { checkApi } from "./api.ts";
import { checksOf, isAtLeast, kubernetesMin, parseVersion, someOf } from "./facts.ts";
import type { Check } from "./report.ts";

const { ok, warn, fail, look } = checksOf("before the install");

/** What `helm install` creates; Helm itself keeps a Secret for each revision. */
export function neededRights(namespace: string): readonly AccessQuestion[] {
  const create = (group: string, resource: string, inNamespace = true): AccessQuestion => ({
    verb: "create",
    group,
    resource,
    ...(inNamespace ? { namespace } : {}),
  });
  return [
    create("", "namespaces", false),
    create("apiextensions.k8s.io", "customresourcedefinitions", false),
    create("rbac.authorization.k8s.io", "clusterroles", false),
    create("rbac.authorization.k8s.io", "clusterrolebindings", false),
    create("admissionregistration.k8s.io", "mutatingwebhookconfigurations", false),
    create("admissionregistration.k8s.io", "validatingadmissionpolicies", false),
    create("admissionregistration.k8s.io", "validatingadmissionpolicybindings", false),
    create("apps", "deployments"),
    create("policy", "poddisruptionbudgets"),
    create("networking.k8s.io", "networkpolicies"),
    create("rbac.authorization.k8s.io", "roles"),
    create("rbac.authorization.k8s.io", "rolebindings"),
    create("", "serviceaccounts"),
    create("", "services"),
    create("", "secrets"),
    create("", "configmaps"),
  ];
}

/** Whether Picket can be installed in this cluster. */
export async function checkBefore(cluster: Cluster, namespaceAsked: string | undefined): Promise<readonly Check[]> {
  const namespace = namespaceAsked ?? installNamespaceDefault;
  const { checks } = await checkApi(cluster);
  return [
    ...checks,
    ...(await look("rights", () => checkRights(cluster, namespace))),
    ...(await look("former install", () => checkFormer(cluster, namespace))),
    ...(await look("nodes", () => checkNodes(cluster))),
    ...(await look("namespace", () => checkNamespace(cluster, namespace))),
    ...(await look("namespaces to protect", () => checkTargets(cluster))),
    ...(await look("monitoring", () => checkOperatorOfPrometheus(cluster))),
  ];
}

async function checkRights(cluster: Cluster, namespace: string): Promise<Check> {
  const questions = neededRights(namespace);
  const answers = await Promise.all(questions.map((question) => cluster.may(question)));
  const missing = questions.filter((_, index) => answers[index] !== true).map(({ resource }) => resource);
  if (missing.length === 0) return ok("rights", "your user may create everything that the chart holds");
  const fix = "let a user with the ClusterRole cluster-admin install";
  return fail("rights", `your user may not create ${someOf(missing)}`, fix);
}

async function checkFormer(cluster: Cluster, namespace: string): Promise<Check> {
  const found = await findInstall(cluster);
  if (found === undefined) return ok("former install", "there is none");
  if (found === namespace) {
    return warn("former install", `Picket is installed in ${found}`, `helm upgrade picket --namespace ${found} CHART`);
  }
  const fix = `helm uninstall picket --namespace ${found}`;
  return fail("former install", `Picket is installed in ${found}, and one cluster takes one install`, fix);
}

async function checkNodes(cluster: Cluster): Promise<readonly Check[]> {
  const nodes = (await cluster.list("/api/v1/nodes")) ?? [];
  const old = nodes.filter((node) => {
    const version = parseVersion(textAt(node, "status", "nodeInfo", "kubeletVersion"));
    return version !== undefined && !isAtLeast(version, kubernetesMin);
  });
  const windows = nodes.filter((node) => labelsOf(node)["kubernetes.io/os"] === "windows").map(nameOf);
  const checks: Check[] = [];
  if (nodes.length === 0) checks.push(warn("nodes", "there are none, so nothing can run", "add a node"));
  else if (old.length > 0) {
    const message = `${someOf(old.map(nameOf))} are older than 1.29 and start no native sidecars`;
    checks.push(fail("nodes", message, "upgrade these nodes"));
  } else checks.push(ok("nodes", `${nodes.length}, all of which start native sidecars`));
  if (windows.length > 0) {
    const message = `pods on ${someOf(windows)} cannot be protected: the proxy does not run on Windows`;
    checks.push(warn("windows nodes", message, `kubectl label pod NAME ${injectLabel}=false, in their templates`));
  }
  return checks;
}

async function checkNamespace(cluster: Cluster, namespace: string): Promise<Check> {
  const found = await cluster.get(`/api/v1/namespaces/${encodeURIComponent(namespace)}`);
  if (found === undefined) return ok("namespace", `${namespace} is not there yet; helm creates it`);
  const object = found as Readonly<Record<string, unknown>>;
  if (textAt(object, "status", "phase") === "Terminating") {
    return fail("namespace", `${namespace} is being deleted`, `kubectl wait --for=delete namespace/${namespace}`);
  }
  const level = labelsOf(object)[podSecurityLabel] ?? "privileged";
  const injects = labelsOf(object)[injectLabel];
  if (injects === "enabled") {
    const fix = `kubectl label namespace ${namespace} ${injectLabel}-`;
    return fail("namespace", `${namespace} is labelled for injection; Picket does not inject itself`, fix);
  }
  return ok("namespace", `${namespace} enforces the Pod Security level ${level}, under which operator and scorer run`);
}

async function checkTargets(cluster: Cluster): Promise<Check> {
  const selector = encodeURIComponent(`${injectLabel}=enabled`);
  const namespaces = (await cluster.list(`/api/v1/namespaces?labelSelector=${selector}`)) ?? [];
  const refusing = namespaces.filter(
    (namespace) =>
      redirectRefusedLevels.includes(labelsOf(namespace)[podSecurityLabel] ?? "") &&
      annotationsOf(namespace)[captureModeAnnotation] !== "Port",
  );
  const [first] = refusing;
  if (first === undefined) {
    return ok(
      "namespaces to protect",
      `${namespaces.length} labelled ${injectLabel}=enabled, none forbids redirection`,
    );
  }
  const fix = `kubectl annotate namespace ${nameOf(first)} ${captureModeAnnotation}=Port`;
  const message = `${someOf(refusing.map(nameOf))} enforce a Pod Security level that forbids redirection`;
  return warn("namespaces to protect", message, fix);
}

async function checkOperatorOfPrometheus(cluster: Cluster): Promise<Check> {
  if ((await cluster.get("/apis/monitoring.coreos.com/v1")) !== undefined) {
    return ok("monitoring", "Prometheus Operator is there: metrics.serviceMonitor.enabled=true makes it scrape Picket");
  }
  const fix = "leave metrics.serviceMonitor.enabled and metrics.rules.enabled off, and scrape ports 15030 and 15040";
  return warn("monitoring", "there is no Prometheus Operator", fix);
}
