import { celText, celValue } from "./cel.ts";
import { pointer } from "./json-patch.ts";
import {
  allowExcludePortsAnnotation,
  allowPrivilegedAnnotation,
  captureAnnotation,
  captureModeAnnotation,
  excludedPortsAnnotation,
  excludePortsAnnotation,
  injectedLabel,
  injectLabel,
  mirrorAnnotation,
  notInjectedAnnotation,
  ownContainers,
  ownVolumes,
  portsAnnotation,
  proxyContainer,
  proxyUser,
  systemNamespaces,
  templateAnnotation,
} from "./names.ts";
import { probePort, reservedPorts } from "../translate/pod-shape.ts";
import type { JsonObject } from "./pod.ts";
import { portListPattern, portMax, portsMax, sidecarPortDistance } from "./ports.ts";
import { grpcServicePattern, probeFields } from "./probes.ts";
import {
  bypassCapabilities,
  meshContainers,
  podSecurityLabel,
  redirectRefusedLevels,
  refusals,
  systemLabels,
  type RefusalReason,
} from "./refusal.ts";
import { captures, type InjectionSettings } from "./settings.ts";
import { redirectEnv, templateOf, type Template } from "./template.ts";

/** Name of the policies and, with what they are bound to, of their bindings. */
export const policyName = "picket-injection";

/** An object of the API server. */
export interface PolicyObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: JsonObject;
}

const group = "admissionregistration.k8s.io/v1";
const labels = { "app.kubernetes.io/part-of": "picket", "app.kubernetes.io/managed-by": "picket-operator" };

/**
 * Injection without a server of ours: a policy of the API server that makes the same pods as `inject` does, and one
 * that refuses, or warns of, pods that asked for protection and came out without. For Kubernetes 1.36 and later. What
 * the API server cannot say is said nowhere: warnings about pods that are injected.
 */
export function injectionPolicies(settings: InjectionSettings): readonly PolicyObject[] {
  const exempt = [settings.ownNamespace, ...systemNamespaces];
  const matchConstraints = {
    matchPolicy: "Equivalent",
    namespaceSelector: {
      matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: exempt }],
    },
    resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
  };
  const matchConditions = [
    {
      name: "no-mirror-pod",
      expression: `!(${celText(mirrorAnnotation)} in object.metadata.?annotations.orValue({}))`,
    },
  ];
  const metadata = { name: policyName, labels };
  return [
    {
      apiVersion: group,
      kind: "MutatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: settings.failurePolicy,
        reinvocationPolicy: "IfNeeded",
        matchConstraints,
        matchConditions,
        variables: variablesOf(settings),
        mutations: [
          {
            patchType: "JSONPatch",
            jsonPatch: { expression: `variables.refusal != "" ? ${mark} : ${injection(settings)}` },
          },
        ],
      },
    },
    ...bindings("MutatingAdmissionPolicyBinding", {}),
    {
      apiVersion: group,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: settings.failurePolicy,
        matchConstraints,
        matchConditions,
        validations: [
          {
            expression: `object.spec.?initContainers.orValue([]).exists(c, c.name == ${celText(proxyContainer)} && c.?restartPolicy.orValue("") == "Always")`,
            messageExpression: `"picket: " + object.metadata.?annotations[?${celText(notInjectedAnnotation)}].orValue("the pod was not injected; the policy takes a moment to come into force, so try again")`,
          },
        ],
      },
    },
    ...bindings("ValidatingAdmissionPolicyBinding", {
      validationActions: settings.failurePolicy === "Fail" ? ["Deny"] : ["Warn", "Audit"],
    }),
  ];
}

/** Pods of a namespace that asks, but for those that say "false"; and pods that ask themselves, anywhere else. */
function bindings(kind: string, spec: JsonObject): readonly PolicyObject[] {
  const one = (name: string, asking: "In" | "NotIn", pod: { operator: string; value: string }): PolicyObject => ({
    apiVersion: group,
    kind,
    metadata: { name: `${policyName}-${name}`, labels },
    spec: {
      policyName,
      ...spec,
      matchResources: {
        namespaceSelector: { matchExpressions: [{ key: injectLabel, operator: asking, values: ["enabled"] }] },
        objectSelector: { matchExpressions: [{ key: injectLabel, operator: pod.operator, values: [pod.value] }] },
      },
    },
  });
  return [
    one("namespace", "In", { operator: "NotIn", value: "false" }),
    one("pod", "NotIn", { operator: "In", value: "true" }),
  ];
}

/** Names for what the expressions below need; each is worked out when it is first asked for, and once. */
function variablesOf(settings: InjectionSettings): readonly JsonObject[] {
  const variables: Readonly<Record<string, string>> = {
    annotations: `object.metadata.?annotations.orValue({})`,
    namespaceAnnotations: `namespaceObject.metadata.?annotations.orValue({})`,
    namespaceLabels: `namespaceObject.metadata.?labels.orValue({})`,
    capture: `variables.annotations[?${celText(captureModeAnnotation)}].orValue(variables.namespaceAnnotations[?${celText(captureModeAnnotation)}].orValue(${celText(settings.capture)}))`,
    inits: `object.spec.?initContainers.orValue([]).filter(c, !(c.name in ${celValue(ownContainers)}))`,
    others: `object.spec.containers + variables.inits`,
    context: `object.spec.?securityContext.orValue({})`,
    excludedText: `variables.annotations[?${celText(excludePortsAnnotation)}].orValue("")`,
    addedText: `variables.annotations[?${celText(portsAnnotation)}].orValue("")`,
    excluded: ports("variables.excludedText"),
    added: ports("variables.addedText"),
    declared: `(object.spec.containers + variables.inits.filter(c, c.?restartPolicy.orValue("") == "Always")).map(c, c.?ports.orValue([]).filter(p, p.?protocol.orValue("TCP") == "TCP").map(p, int(p.containerPort))).flatten().map(p, int(p)).distinct()`,
    judged: `(variables.declared + variables.added).filter(p, !(p in variables.excluded)).distinct().sort()`,
    sidecar: `variables.judged.map(p, ${sidecarPortOf("p")})`,
    refusal: [...Object.entries(refusalRules), ["", ""]]
      .map(([reason, rule]) =>
        reason === undefined || reason === "" ? '""' : `(${rule}) ? ${celText(refusals[reason as Refusable])} : `,
      )
      .join("\n"),
  };
  return Object.entries(variables).map(([name, expression]) => ({ name, expression }));
}

function ports(text: string): string {
  return `${text} == "" ? [] : ${text}.split(",").map(p, int(p.trim())).distinct().sort()`;
}

function sidecarPortOf(port: string): string {
  return `(${port} > ${portMax - sidecarPortDistance} ? ${port} - ${sidecarPortDistance} : ${port} + ${sidecarPortDistance})`;
}

/** An `unreadable` pod does not come as far as a policy. */
type Refusable = Exclude<RefusalReason, "unreadable">;

const isAllowed = (annotation: string): string =>
  `variables.namespaceAnnotations[?${celText(annotation)}].orValue("") == "true"`;
const isNoList = (text: string): string =>
  `${text} != "" && !(${text}.matches(${celText(portListPattern)}) && ${text}.split(",").all(p, int(p.trim()) <= ${portMax}))`;

/** `refusalOf` in CEL: the same rules in the same order. */
export const refusalRules: Readonly<Record<Refusable, string>> = {
  "host-network": `object.spec.?hostNetwork.orValue(false)`,
  windows: `object.spec.?os.?name.orValue("") == "windows" || ${celValue(systemLabels)}.exists(l, object.spec.?nodeSelector[?l].orValue("") == "windows")`,
  "other-mesh": `variables.others.exists(c, c.name in ${celValue(meshContainers)})`,
  "proxy-identity": `variables.context.?fsGroup.orValue(0) == ${proxyUser} || ${proxyUser} in variables.context.?supplementalGroups.orValue([]) || ([variables.context] + variables.others.map(c, c.?securityContext.orValue({}))).exists(s, s.?runAsUser.orValue(0) == ${proxyUser} || s.?runAsGroup.orValue(0) == ${proxyUser})`,
  "can-bypass": `(object.spec.?hostPID.orValue(false) || variables.others.exists(c, c.?securityContext.?privileged.orValue(false) || c.?securityContext.?capabilities.?add.orValue([]).exists(a, a.upperAscii().replace("CAP_", "", a.upperAscii().startsWith("CAP_") ? 1 : 0) in ${celValue(bypassCapabilities)}))) && !(${isAllowed(allowPrivilegedAnnotation)})`,
  "name-taken": `object.spec.containers.exists(c, c.name in ${celValue(ownContainers)})`,
  "volume-taken": `variables.others.exists(c, c.?volumeMounts.orValue([]).exists(m, m.name in ${celValue(ownVolumes)}))`,
  "bad-annotation": `!(variables.capture in ${celValue(captures)}) || ${isNoList("variables.excludedText")} || ${isNoList("variables.addedText")}`,
  "exclude-not-allowed": `variables.excluded.size() > 0 && !(${isAllowed(allowExcludePortsAnnotation)})`,
  "port-taken": `(variables.declared + variables.excluded + variables.added).exists(p, p in ${celPorts(reservedPorts)})`,
  "ports-too-many": `variables.judged.size() > ${portsMax}`,
  "port-clash": `variables.capture == "Port" && (variables.sidecar.distinct().size() < variables.sidecar.size() || variables.sidecar.exists(p, p in variables.judged || p in variables.declared))`,
  "pod-security": `variables.capture == "Redirect" && variables.namespaceLabels[?${celText(podSecurityLabel)}].orValue("") in ${celValue(redirectRefusedLevels)}`,
};

function celPorts(ports: readonly number[]): string {
  return `[${ports.join(", ")}]`;
}

const labelPath = pointer("metadata", "labels", injectedLabel);
const annotationPath = (name: string): string => pointer("metadata", "annotations", name);

const add = (path: string, value: string): string => `[JSONPatch{op: "add", path: ${celText(path)}, value: ${value}}]`;
const remove = (path: string): string => `[JSONPatch{op: "remove", path: ${celText(path)}}]`;
const ensure = (field: "labels" | "annotations"): string =>
  `(has(object.metadata.${field}) ? [] : ${add(`/metadata/${field}`, "{}")})`;
const removeAnnotation = (name: string): string =>
  `(${celText(name)} in variables.annotations ? ${remove(annotationPath(name))} : [])`;

/** `markNotInjected` in CEL. */
const mark = [
  `(${celText(injectedLabel)} in object.metadata.?labels.orValue({}) ? ${remove(labelPath)} : [])`,
  ensure("annotations"),
  add(annotationPath(notInjectedAnnotation), "variables.refusal"),
].join("\n+ ");

/** What `inject` does to a pod, in CEL. */
function injection(settings: InjectionSettings): string {
  const template = templateOf(settings);
  const isRedirect = `variables.capture == "Redirect"`;
  const rewritten = (list: string): string => `(${isRedirect} ? ${list}.map(c, ${containerWithProbes("c")}) : ${list})`;
  return `(${[
    ensure("labels"),
    add(labelPath, celText("true")),
    ensure("annotations"),
    removeAnnotation(notInjectedAnnotation),
    add(annotationPath(captureAnnotation), "variables.capture"),
    add(annotationPath(templateAnnotation), celText(template.id)),
    `(variables.excluded.size() > 0 ? ${add(annotationPath(excludedPortsAnnotation), excludedText)} : ${removeAnnotation(excludedPortsAnnotation)})`,
    add(
      "/spec/initContainers",
      `(${isRedirect} ? [${redirectOf(template)}] : []) + [${proxyOf(template)}] + ${rewritten("variables.inits")}`,
    ),
    add("/spec/containers", rewritten("object.spec.containers")),
    add(
      "/spec/volumes",
      `object.spec.?volumes.orValue([]).filter(v, !(v.name in ${celValue(ownVolumes)})) + ${celValue(template.volumes)}`,
    ),
  ].join("\n+ ")})`;
}

const excludedText = `variables.excluded.map(p, string(p)).join(",")`;

function redirectOf(template: Template): string {
  const [always = {}] = redirectEnv([]);
  const env = `[dyn(${celValue(always)})] + (variables.excluded.size() > 0 ? [dyn({"name": dyn("PICKET_EXCLUDE"), "value": dyn(${excludedText})})] : [])`;
  return withField(template.redirect, "env", env);
}

function proxyOf(template: Template): string {
  const own = `(variables.capture == "Port" ? variables.judged.map(p, dyn({"name": dyn("picket-" + string(p)), "containerPort": dyn(${sidecarPortOf("p")}), "protocol": dyn("TCP")})) : [])`;
  return withField(template.proxy, "ports", `${celValue(template.proxyPorts)} + ${own}`);
}

/** An object of the template with one field that depends on the pod. */
function withField(value: JsonObject, name: string, expression: string): string {
  return `dyn(${celValue(value).slice(0, -1)}, ${celText(name)}: dyn(${expression})})`;
}

/** `withProbes` in CEL: a container with its probes sent to the probe port. */
function containerWithProbes(container: string): string {
  const resolved = (port: string): string =>
    `(type(${port}) == int ? ${port} : (${container}.?ports.orValue([]).filter(q, q.?name.orValue("") == ${port}).map(q, dyn(q.containerPort)) + [dyn(0)])[0])`;
  const port = [
    `has(p.httpGet) && p.httpGet.?host.orValue("") == "" ? ${resolved("p.httpGet.port")}`,
    `has(p.tcpSocket) && p.tcpSocket.?host.orValue("") == "" ? ${resolved("p.tcpSocket.port")}`,
    `has(p.grpc) && p.grpc.?service.orValue("").matches(${celText(grpcServicePattern)}) ? dyn(p.grpc.port) : dyn(0)`,
  ].join(" : ");
  const path = `p.httpGet.?path.orValue("")`;
  const httpPath = `(p.httpGet.?scheme.orValue("") == "HTTPS" ? "/https/" : "/http/") + string(port) + (${path}.startsWith("/") ? "" : "/") + ${path}`;
  const httpGet = `p.httpGet.transformMap(n, w, n == "path" ? dyn(${httpPath}) : n == "port" ? dyn(${probePort}) : n == "scheme" ? dyn("HTTP") : dyn(w))`;
  const own = (text: string): string => `{"path": dyn(${text}), "port": dyn(${probePort})}`;
  const question = `has(p.httpGet) ? dyn(${httpGet}) : has(p.tcpSocket) ? dyn(${own(`"/tcp/" + string(port)`)}) : dyn(${own(`"/grpc/" + string(port) + "/" + p.grpc.?service.orValue("")`)})`;
  const probe = `p.transformMapEntry(n, w, n in ["httpGet", "tcpSocket", "grpc"] ? {"httpGet": ${question}} : {n: dyn(w)})`;
  const rewritten = `[dyn(${port})].map(port, port == 0 || port == ${probePort} || port in variables.excluded ? dyn(p) : dyn(${probe}))[0]`;
  return `${container}.transformMap(k, v, k in ${celValue(probeFields)} ? [v].map(p, ${rewritten})[0] : dyn(v))`;
}
