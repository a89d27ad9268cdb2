import type { Cluster } from "../cluster/client.ts";
import {
  injectLabel,
  installNamespaceDefault,
  isOurs,
  operatorName,
  scorerName,
  trustConfigMap,
} from "../cluster/install.ts";
import { clusterKinds, definitionName, servedVersion } from "../cluster/kinds.ts";
import { fieldOf, listAt, nameOf, numberAt, textAt, type KubeObject } from "../cluster/object.ts";
import { decodeBase64, readCertificates, type CertificateFacts } from "./certificates.ts";
import { checksOf, someOf } from "./facts.ts";
import type { Check } from "./report.ts";

/** Days before the end of a certificate from which on somebody should look. */
const expiryWarningDays = 7;
const dayMs = 86_400_000;
/** How much longer than it promises a leader may be silent, for clocks that differ. */
const leaseToleranceSeconds = 30;
/** Age of the operator's picture of the cluster from which on it is stale: bookmarks come about every minute. */
const contactAgeSecondsMax = 180;
/** Where the operator's metrics are. */
const operatorStatusPort = 15_040;

const { ok, warn, fail, look } = checksOf("picket");

/** Whether what is installed runs and holds together. */
export async function checkInstalled(
  cluster: Cluster,
  { namespace, nowMs }: { readonly namespace: string | undefined; readonly nowMs: number },
): Promise<readonly Check[]> {
  const install = `helm install picket CHART --namespace ${installNamespaceDefault} --create-namespace`;
  const upgrade = `helm upgrade picket CHART --namespace ${namespace} --reuse-values --set crds.enabled=true`;
  const kinds = await look("kinds", () => checkKinds(cluster, namespace === undefined ? install : upgrade));
  if (namespace === undefined) {
    const message = `there is no Deployment ${operatorName} in any namespace`;
    return [...kinds, fail("installed", message, install)];
  }
  const trust = await readTrust(cluster, namespace);
  return [
    ok("installed", `in namespace ${namespace}`),
    ...kinds,
    ...(await look(operatorName, () => checkDeployment(cluster, namespace, operatorName))),
    ...(await look(scorerName, () => checkDeployment(cluster, namespace, scorerName))),
    ...(await look("leader", () => checkLeader(cluster, namespace, nowMs))),
    ...(await look("api age", () => checkContact(cluster, namespace))),
    ...(await look("trust", () => checkTrust(cluster, namespace, trust, nowMs))),
    ...(await look("certificates", () => checkServing(cluster, namespace, nowMs))),
    ...(await look("injection", () => checkInjection(cluster, namespace, trust))),
  ];
}

async function checkKinds(cluster: Cluster, fix: string): Promise<Check> {
  const definitions = (await cluster.list("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")) ?? [];
  const byName = new Map(definitions.map((definition) => [nameOf(definition), definition]));
  const missing: string[] = [];
  const old: string[] = [];
  for (const kind of clusterKinds) {
    const definition = byName.get(definitionName(kind));
    if (definition === undefined) missing.push(kind.kind);
    else if (!listAt(definition, "spec", "versions").some(isServed)) old.push(kind.kind);
  }
  if (missing.length > 0) return fail("kinds", `the cluster has no ${someOf(missing)}`, fix);
  if (old.length > 0) return fail("kinds", `${someOf(old)} have no version ${servedVersion}`, fix);
  return ok("kinds", `all ${clusterKinds.length}, in version ${servedVersion}`);
}

function isServed(version: Readonly<Record<string, unknown>>): boolean {
  return version["name"] === servedVersion && version["served"] === true;
}

async function checkDeployment(cluster: Cluster, namespace: string, name: string): Promise<readonly Check[]> {
  const deployment = await cluster.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  if (deployment === undefined) {
    return [fail(name, `there is no Deployment ${name} in ${namespace}`, `helm upgrade picket CHART -n ${namespace}`)];
  }
  const wanted = numberAt(deployment, "spec", "replicas") ?? 1;
  const ready = numberAt(deployment, "status", "readyReplicas") ?? 0;
  const look = `kubectl -n ${namespace} describe deployment ${name}; kubectl -n ${namespace} logs deployment/${name}`;
  if (ready === 0) return [fail(name, `none of ${wanted} replicas is ready`, look)];
  const checks = [
    ready < wanted
      ? warn(name, `${ready} of ${wanted} replicas are ready`, look)
      : ok(name, `${ready} of ${wanted} replicas are ready`),
  ];
  if (wanted < 2) {
    const part = name.replace("picket-", "");
    const fix = `helm upgrade picket CHART -n ${namespace} --reuse-values --set ${part}.replicas=2`;
    checks.push(warn(`${name} replicas`, "one replica: its end is felt until another one runs", fix));
  }
  return checks;
}

async function checkLeader(cluster: Cluster, namespace: string, nowMs: number): Promise<Check> {
  const leases = (await cluster.list(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`)) ?? [];
  const fix = `kubectl -n ${namespace} logs deployment/${operatorName}`;
  const lease = leases.find(isOurs);
  const holder = lease === undefined ? "" : textAt(lease, "spec", "holderIdentity");
  if (lease === undefined || holder === "") {
    return fail("leader", "no operator leads, so no status is written and no certificate renewed", fix);
  }
  const silentMs = nowMs - Date.parse(textAt(lease, "spec", "renewTime"));
  const seconds = (numberAt(lease, "spec", "leaseDurationSeconds") ?? 15) + leaseToleranceSeconds;
  if (!(silentMs <= seconds * 1_000)) return fail("leader", `${holder} has not renewed its lease for too long`, fix);
  return ok("leader", holder);
}

async function checkContact(cluster: Cluster, namespace: string): Promise<readonly Check[]> {
  const pods = (await cluster.list(`/api/v1/namespaces/${namespace}/pods`)) ?? [];
  const operators = pods.filter((pod) => nameOf(pod).startsWith(`${operatorName}-`)).map(nameOf);
  const ages: number[] = [];
  for (const pod of operators) {
    const { status, text } = await cluster.podPage({ namespace, pod, port: operatorStatusPort, path: "/metrics" });
    if (status !== 200) continue;
    for (const [, age] of text.matchAll(/^picket_kube_contact_age_seconds\{[^}]*\} ([0-9.]+)$/gm)) {
      ages.push(Number(age));
    }
  }
  // A NetworkPolicy may keep the API server from the pods; then others watch the metric.
  if (ages.length === 0) return [];
  const oldest = Math.max(...ages);
  if (oldest <= contactAgeSecondsMax) {
    return [ok("api age", `operators heard from the API server ${Math.round(oldest)} s ago or later`)];
  }
  const message = `an operator has not heard from the API server for ${Math.round(oldest)} s`;
  return [fail("api age", message, `kubectl -n ${namespace} logs deployment/${operatorName}`)];
}

/** The certificates that proxies and scorers trust; undefined when the bundle is missing or does not read. */
async function readTrust(cluster: Cluster, namespace: string): Promise<readonly CertificateFacts[] | undefined> {
  return readCertificates(await trustText(cluster, namespace));
}

async function trustText(cluster: Cluster, namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${trustConfigMap}`;
  const bundle = fieldOf(await cluster.get(path), "data", "ca.crt");
  return typeof bundle === "string" ? bundle : "";
}

async function checkTrust(
  cluster: Cluster,
  namespace: string,
  trust: readonly CertificateFacts[] | undefined,
  nowMs: number,
): Promise<readonly Check[]> {
  const fix = `kubectl -n ${namespace} logs deployment/${operatorName}, which publishes it`;
  if (trust === undefined) {
    return [fail("trust", `ConfigMap ${trustConfigMap} of ${namespace} holds no certificates`, fix)];
  }
  const newest = Math.max(...trust.map(({ expiresMs }) => expiresMs));
  const checks = [expiry("trust", newest, nowMs, fix)];
  const selector = encodeURIComponent(`${injectLabel}=enabled`);
  const namespaces = ((await cluster.list(`/api/v1/namespaces?labelSelector=${selector}`)) ?? []).map(nameOf);
  const text = await trustText(cluster, namespace);
  const differing: string[] = [];
  for (const one of namespaces) if ((await trustText(cluster, one)) !== text) differing.push(one);
  if (differing.length > 0) {
    const message = `${someOf(differing)} have another trust bundle, so new pods there stay without configuration`;
    checks.push(fail("trust copies", message, fix));
  } else if (namespaces.length > 0) checks.push(ok("trust copies", `${namespaces.length} namespaces have the bundle`));
  return checks;
}

async function checkServing(cluster: Cluster, namespace: string, nowMs: number): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const name of ["picket-operator-tls", "picket-scorer-tls"]) {
    const secret = await cluster.get(`/api/v1/namespaces/${namespace}/secrets/${name}`);
    const found = readCertificates(decodeBase64(textAt(secret, "data", "tls.crt")));
    const fix = `kubectl -n ${namespace} logs deployment/${operatorName}, which issues it`;
    if (found === undefined) checks.push(fail(name, `Secret ${name} holds no certificate`, fix));
    else checks.push(expiry(name, Math.min(...found.map(({ expiresMs }) => expiresMs)), nowMs, fix));
  }
  return checks;
}

function expiry(name: string, expiresMs: number, nowMs: number, fix: string): Check {
  const days = Math.floor((expiresMs - nowMs) / dayMs);
  if (expiresMs <= nowMs) return fail(name, `its certificate ended ${-days} days ago`, fix);
  if (days < expiryWarningDays) return warn(name, `its certificate ends in ${days} days`, fix);
  return ok(name, `certificate for ${days} days`);
}

async function checkInjection(
  cluster: Cluster,
  namespace: string,
  trust: readonly CertificateFacts[] | undefined,
): Promise<readonly Check[]> {
  const registration = "/apis/admissionregistration.k8s.io/v1";
  const webhooks = ((await cluster.list(`${registration}/mutatingwebhookconfigurations`)) ?? []).filter(isOurs);
  const policies = ((await cluster.list(`${registration}/mutatingadmissionpolicies`)) ?? []).filter(isOurs);
  if (webhooks.length === 0 && policies.length === 0) {
    const fix = `helm upgrade picket CHART -n ${namespace} --reuse-values --set injection.enabled=true`;
    return [warn("injection", "neither a webhook nor a policy injects pods", fix)];
  }
  const known = new Set(trust?.map(({ fingerprint }) => fingerprint));
  const checks = webhooks.map((webhook) => checkWebhook(webhook, namespace, known));
  for (const policy of policies) checks.push(ok("injection", `by MutatingAdmissionPolicy ${nameOf(policy)}`));
  return checks;
}

function checkWebhook(configuration: KubeObject, namespace: string, known: ReadonlySet<string>): Check {
  const name = nameOf(configuration);
  const fix = `kubectl -n ${namespace} rollout restart deployment ${operatorName}`;
  for (const webhook of listAt(configuration, "webhooks")) {
    const found = readCertificates(decodeBase64(textAt(webhook, "clientConfig", "caBundle")));
    if (found === undefined) {
      return fail("injection", `webhook ${name} trusts no certificate, so no pod is injected`, fix);
    }
    if (found.some(({ fingerprint }) => !known.has(fingerprint))) {
      return fail("injection", `webhook ${name} trusts other certificates than ${trustConfigMap}`, fix);
    }
    const target = textAt(webhook, "clientConfig", "service", "namespace");
    if (target !== namespace)
      return fail("injection", `webhook ${name} asks a Service in ${target || "no namespace"}`, fix);
  }
  return ok(
    "injection",
    `by webhook ${name}, failurePolicy ${textAt(listAt(configuration, "webhooks")[0], "failurePolicy")}`,
  );
}
