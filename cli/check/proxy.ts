import { speaksAbout } from "../../core/policy/effective.ts";
import type { Cluster } from "../cluster/client.ts";
import {
  captureAnnotation,
  captureModeAnnotation,
  injectedLabel,
  injectLabel,
  installOrDefault,
  notInjectedAnnotation,
  operatorName,
  podSecurityLabel,
  proxyContainer,
  redirectContainer,
  redirectRefusedLevels,
} from "../cluster/install.ts";
import {
  annotationsOf,
  fieldOf,
  labelsOf,
  listAt,
  nameOf,
  namespaceOf,
  selects,
  textAt,
  textsAt,
  type KubeObject,
} from "../cluster/object.ts";
import { clusterKinds, listPath } from "../cluster/kinds.ts";
import { loadFromCluster } from "../cluster/load.ts";
import { ownerOf, type PodOwner } from "../cluster/owner.ts";
import { CommandError } from "../errors.ts";
import { checksOf, someOf } from "./facts.ts";
import type { Check } from "./report.ts";

const { ok, warn, fail, look } = checksOf("proxies");

/** Whether every pod that should be protected is. `namespace` undefined: all of them. */
export function checkProxies(cluster: Cluster, namespace: string | undefined): Promise<readonly Check[]> {
  return look("pods", async () => {
    const namespaces = await readNamespaces(cluster, namespace);
    const place = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
    const pods = ((await cluster.list(`/api/v1${place}/pods`)) ?? []).filter(isThere);
    const services = (await cluster.list(`/api/v1${place}/services`)) ?? [];
    const namespaceOfPod = (pod: KubeObject): KubeObject => namespaces.get(namespaceOf(pod)) ?? {};
    const wanted = pods.filter((pod) => shouldBeInjected(pod, namespaceOfPod(pod)));
    const injected = pods.filter(isInjected);
    const checks = [
      ...checkUnprotected(wanted.filter((pod) => !isInjected(pod))),
      ...(await checkGoverned(
        cluster,
        namespace,
        pods.filter((pod) => !isInjected(pod) && !wanted.includes(pod)),
      )),
      ...checkReady(injected),
      ...checkImages(injected, await proxyImage(cluster)),
      ...checkCapture(injected, namespaceOfPod),
      ...checkServices(injected, services),
    ];
    if (checks.some(({ status }) => status === "fail")) return checks;
    const where = namespace === undefined ? "in the cluster" : `in ${namespace}`;
    return injected.length === 0 && wanted.length === 0
      ? [warn("pods", `no pod ${where} asks for protection`, enableHint(namespace))]
      : [
          ok("pods", `all ${injected.length} pods ${where} that ask for protection have a proxy that is ready`),
          ...checks,
        ];
  });
}

function enableHint(namespace = "NAMESPACE"): string {
  return `kubectl label namespace ${namespace} ${injectLabel}=enabled && kubectl -n ${namespace} rollout restart deployment`;
}

async function readNamespaces(
  cluster: Cluster,
  namespace: string | undefined,
): Promise<ReadonlyMap<string, KubeObject>> {
  if (namespace === undefined) {
    const all = (await cluster.list("/api/v1/namespaces")) ?? [];
    return new Map(all.map((one) => [nameOf(one), one]));
  }
  const one = await cluster.get(`/api/v1/namespaces/${encodeURIComponent(namespace)}`);
  return new Map(one === undefined ? [] : [[namespace, one as KubeObject]]);
}

function isThere(pod: KubeObject): boolean {
  const phase = textAt(pod, "status", "phase");
  return phase !== "Succeeded" && phase !== "Failed" && textAt(pod, "metadata", "deletionTimestamp") === "";
}

/** A label of the pod wins over that of its namespace. */
function shouldBeInjected(pod: KubeObject, namespace: KubeObject): boolean {
  const own = labelsOf(pod)[injectLabel];
  if (own !== undefined) return own === "true";
  return labelsOf(namespace)[injectLabel] === "enabled";
}

function isInjected(pod: KubeObject): boolean {
  return labelsOf(pod)[injectedLabel] === "true" && proxyOf(pod) !== undefined;
}

function proxyOf(pod: KubeObject): Readonly<Record<string, unknown>> | undefined {
  return listAt(pod, "spec", "initContainers").find(({ name }) => name === proxyContainer);
}

/** Pods that one controller runs, for one line each. */
interface PodGroup {
  readonly namespace: string;
  readonly owner: PodOwner;
  readonly pods: readonly KubeObject[];
}

function byOwner(pods: readonly KubeObject[]): readonly PodGroup[] {
  const groups = Map.groupBy(pods, (pod) => {
    const { kind, name } = ownerOf(pod);
    return `${namespaceOf(pod)}/${kind.toLowerCase()}/${name}`;
  });
  return [...groups.values()].map((list) => ({
    namespace: namespaceOf(list[0]!),
    owner: ownerOf(list[0]!),
    pods: list,
  }));
}

function titleOf({ namespace, owner }: PodGroup): string {
  return `${owner.kind.toLowerCase()} ${namespace}/${owner.name}`;
}

/** What makes the pods anew, with a sidecar. */
function restartOf({ namespace, owner: { kind, name } }: PodGroup): string {
  if (["Deployment", "StatefulSet", "DaemonSet"].includes(kind)) {
    return `kubectl -n ${namespace} rollout restart ${kind.toLowerCase()} ${name}`;
  }
  if (kind === "Pod")
    return `kubectl -n ${namespace} get pod ${name} -o yaml > pod.yaml, delete the pod and apply the file`;
  return `kubectl -n ${namespace} delete pod --selector picket.dev/injected!=true, once their work is done`;
}

function checkUnprotected(pods: readonly KubeObject[]): readonly Check[] {
  return byOwner(pods).map((group) => {
    const refused = group.pods.map((pod) => annotationsOf(pod)[notInjectedAnnotation]).find(Boolean);
    const count = `${group.pods.length} pod${group.pods.length === 1 ? "" : "s"} without a proxy`;
    if (refused !== undefined) {
      const message = `${count}: ${textAt({ refused }, "refused")}`;
      return fail(titleOf(group), message, `mend that, then ${restartOf(group)}`);
    }
    return fail(titleOf(group), `${count}: started when nothing injected it`, restartOf(group));
  });
}

/** Pods that a policy of their namespace is for, although nothing asks for their protection. */
async function checkGoverned(
  cluster: Cluster,
  namespace: string | undefined,
  pods: readonly KubeObject[],
): Promise<readonly Check[]> {
  const policyKind = clusterKinds.find(({ kind }) => kind === "ApiPolicy")!;
  const policies = (await cluster.list(listPath(policyKind, namespace))) ?? [];
  const checks: Check[] = [];
  for (const place of new Set(policies.map(namespaceOf))) {
    const objects = await loadFromCluster(cluster, place);
    const own = objects.policies.filter(({ id }) => id.namespace === place);
    const governed = pods.filter((pod) => {
      const { kind, name } = ownerOf(pod);
      const ports = objects.workloads.filter(({ cluster: by }) => by?.kind === kind && by.name === name);
      return namespaceOf(pod) === place && ports.some((port) => own.some((policy) => speaksAbout(policy, port)));
    });
    for (const group of byOwner(governed)) {
      const declined = labelsOf(group.pods[0]!)[injectLabel] !== undefined;
      const message = declined
        ? `a policy is for it, and its label declines injection`
        : "a policy is for it, and neither it nor its namespace asks for injection";
      const label = `kubectl label namespace ${place} ${injectLabel}=enabled && ${restartOf(group)}`;
      checks.push(fail(titleOf(group), message, declined ? `take the label ${injectLabel} off its template` : label));
    }
  }
  return checks;
}

function checkReady(pods: readonly KubeObject[]): readonly Check[] {
  return byOwner(pods.filter((pod) => whyNotReady(pod) !== undefined)).map((group) => {
    const [first] = group.pods;
    const name = nameOf(first!);
    const fix = `kubectl -n ${group.namespace} logs ${name} -c ${proxyContainer}`;
    return fail(titleOf(group), `the proxy of ${someOf(group.pods.map(nameOf), 3)} ${whyNotReady(first!)}`, fix);
  });
}

/** Why the proxy of a pod does not serve; undefined when it does. */
function whyNotReady(pod: KubeObject): string | undefined {
  const states = listAt(pod, "status", "initContainerStatuses");
  const redirect = states.find(({ name }) => name === redirectContainer);
  const proxy = states.find(({ name }) => name === proxyContainer);
  const failed =
    textAt(redirect, "state", "waiting", "reason") || textAt(redirect, "lastState", "terminated", "reason");
  if (failed !== "" && proxy === undefined) return `cannot start: ${redirectContainer} ${failed}`;
  if (proxy === undefined) return "has not started";
  if (fieldOf(proxy, "ready") === true) return undefined;
  const waiting = textAt(proxy, "state", "waiting", "reason");
  return waiting === "" ? "is not ready: it has no configuration, or the operator refuses it" : `waits: ${waiting}`;
}

/** The image that new pods get; undefined when Picket, or the right to look, is not there. */
async function proxyImage(cluster: Cluster): Promise<string | undefined> {
  try {
    const namespace = await installOrDefault(cluster);
    const operator = await cluster.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${operatorName}`);
    const [container] = listAt(operator, "spec", "template", "spec", "containers");
    const setting = listAt(container, "env").find(({ name }) => name === "PICKET_PROXY_IMAGE");
    return textAt(setting, "value") || undefined;
  } catch (error) {
    if (error instanceof CommandError && error.code === "PKT0911") return undefined;
    throw error;
  }
}

/** Pods that were injected before an upgrade go on with the proxy of then. */
function checkImages(pods: readonly KubeObject[], image: string | undefined): readonly Check[] {
  if (image === undefined) return [];
  return byOwner(pods.filter((pod) => textAt(proxyOf(pod), "image") !== image)).map((group) => {
    const message = `runs the proxy ${textAt(proxyOf(group.pods[0]!), "image")}; new pods get ${image}`;
    return warn(titleOf(group), message, restartOf(group));
  });
}

function checkCapture(pods: readonly KubeObject[], namespaceOfPod: (pod: KubeObject) => KubeObject): readonly Check[] {
  const wrong = pods.filter((pod) => {
    const level = labelsOf(namespaceOfPod(pod))[podSecurityLabel] ?? "";
    return annotationsOf(pod)[captureAnnotation] === "Redirect" && redirectRefusedLevels.includes(level);
  });
  return byOwner(wrong).map((group) => {
    const message = `its namespace forbids redirection by now: new pods are refused`;
    const fix = `kubectl annotate namespace ${group.namespace} ${captureModeAnnotation}=Port && ${restartOf(group)}`;
    return fail(titleOf(group), message, fix);
  });
}

/** Services that lead around the proxy of pods in Port mode. */
function checkServices(pods: readonly KubeObject[], services: readonly KubeObject[]): readonly Check[] {
  const checks: Check[] = [];
  const portPods = pods.filter((pod) => annotationsOf(pod)[captureAnnotation] === "Port");
  for (const service of services) {
    const namespace = namespaceOf(service);
    const name = nameOf(service);
    const selector = textsAt(service, "spec", "selector");
    const pod = portPods.find((one) => namespaceOf(one) === namespace && selects(selector, labelsOf(one)));
    if (pod === undefined) continue;
    for (const [index, port] of listAt(service, "spec", "ports").entries()) {
      const number = judgedPortOf(pod, fieldOf(port, "targetPort") ?? fieldOf(port, "port"));
      if (number === undefined) continue;
      const patch = `[{"op":"replace","path":"/spec/ports/${index}/targetPort","value":"picket-${number}"}]`;
      const fix = `kubectl -n ${namespace} patch service ${name} --type json --patch '${patch}'`;
      const message = `leads to port ${number} of the application, around the proxy`;
      checks.push(fail(`service ${namespace}/${name}`, message, fix));
    }
  }
  return checks;
}

/** The port of the application that a target port means and that a proxy judges; undefined for any other. */
function judgedPortOf(pod: KubeObject, target: unknown): number | undefined {
  const own = listAt(proxyOf(pod), "ports").flatMap(({ name }) => {
    const number = typeof name === "string" ? /^picket-(\d+)$/.exec(name)?.[1] : undefined;
    return number === undefined ? [] : [Number(number)];
  });
  const judged = new Set(own);
  if (typeof target === "number") return judged.has(target) ? target : undefined;
  const named = listAt(pod, "spec", "containers")
    .flatMap((container) => listAt(container, "ports"))
    .find(({ name }) => name === target);
  const number = named?.["containerPort"];
  return typeof number === "number" && judged.has(number) ? number : undefined;
}
