import { isDeepStrictEqual } from "node:util";
import { change, changeTexts, pointer, type JsonPatchOp } from "./json-patch.ts";
import {
  captureAnnotation,
  excludedPortsAnnotation,
  excludePortsAnnotation,
  injectedLabel,
  injectLabel,
  mirrorAnnotation,
  notInjectedAnnotation,
  ownContainers,
  ownVolumes,
  systemNamespaces,
  templateAnnotation,
} from "./names.ts";
import { readPod, type Container, type JsonObject, type Pod, type Volume } from "./pod.ts";
import { judgedPorts, parsePorts, sidecarPort, sidecarPortName } from "./ports.ts";
import { probeFields, withProbes } from "./probes.ts";
import { captureOf, refusalOf, refusals, type RefusalReason } from "./refusal.ts";
import type { Capture, InjectionSettings, NamespaceFacts } from "./settings.ts";
import { redirectEnv, templateOf, type Template } from "./template.ts";
import { warningsOf } from "./warnings.ts";

/** Why a pod is left alone without a word. */
export type SkipReason = "own-namespace" | "system-namespace" | "mirror-pod" | "opted-out" | "not-asked";

export type Injection =
  | {
      readonly kind: "injected";
      /** What makes `pod` of what came in; empty when it was injected already. */
      readonly patch: readonly JsonPatchOp[];
      readonly pod: Pod;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "skipped"; readonly reason: SkipReason }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly message: string };

export interface InjectionContext {
  readonly namespace: NamespaceFacts;
  readonly settings: InjectionSettings;
}

/**
 * What becomes of a pod: sidecar, redirection, volumes and probes are made anew whatever is there under their names, so
 * a second look at the outcome changes nothing, and containers, ports and probes that came meanwhile are taken in.
 */
export function inject(value: unknown, { namespace, settings }: InjectionContext): Injection {
  const pod = readPod(value);
  const skipped = skipReason(labelsOf(value, pod), namespace, settings.ownNamespace);
  if (skipped !== undefined) return { kind: "skipped", reason: skipped };
  if (pod === undefined) return refused("unreadable");
  // The static pod runs as its file says; a picture that differs would be made anew for ever.
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return { kind: "skipped", reason: "mirror-pod" };
  const refusal = refusalOf(pod, namespace, settings.capture);
  if (refusal !== undefined) return refused(refusal);

  const capture = captureOf(pod, namespace, settings.capture) ?? settings.capture;
  const excluded = parsePorts(pod.metadata.annotations?.[excludePortsAnnotation]) ?? [];
  const judged = judgedPorts(pod, excluded);
  const result = protectedPod(pod, templateOf(settings), { capture, excluded, judged });
  return { kind: "injected", patch: patchOf(pod, result), pod: result, warnings: warningsOf(pod, judged, capture) };
}

/** Marks a pod that is let in without the protection it asked for. */
export function markNotInjected(value: unknown, message: string): readonly JsonPatchOp[] {
  const pod = readPod(value);
  if (pod === undefined) return [];
  const { annotations, labels } = pod.metadata;
  const { [injectedLabel]: _claimed, ...kept } = labels ?? {};
  return [
    ...(labels === undefined ? [] : changeTexts("/metadata/labels", labels, kept)),
    ...changeTexts("/metadata/annotations", annotations, { ...annotations, [notInjectedAnnotation]: message }),
  ];
}

/** Whether a pod is none of our business. The pod's own label wins over the namespace's. */
export function skipReason(
  labels: Readonly<Record<string, string>>,
  namespace: NamespaceFacts,
  ownNamespace: string,
): SkipReason | undefined {
  if (namespace.name === ownNamespace) return "own-namespace";
  if (systemNamespaces.includes(namespace.name)) return "system-namespace";
  if (labels[injectLabel] === "false") return "opted-out";
  if (labels[injectLabel] === "true" || namespace.labels[injectLabel] === "enabled") return undefined;
  return "not-asked";
}

function refused(reason: RefusalReason): Injection {
  return { kind: "refused", reason, message: refusals[reason] };
}

/** Labels even of a pod that does not read otherwise: who asked for nothing must not be refused. */
function labelsOf(value: unknown, pod: Pod | undefined): Readonly<Record<string, string>> {
  if (pod !== undefined) return pod.metadata.labels ?? {};
  const metadata = field(value, "metadata");
  const label = field(field(metadata, "labels"), injectLabel);
  return typeof label === "string" ? { [injectLabel]: label } : {};
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

interface Capturing {
  readonly capture: Capture;
  readonly excluded: readonly number[];
  readonly judged: readonly number[];
}

function protectedPod(pod: Pod, template: Template, { capture, excluded, judged }: Capturing): Pod {
  const rewrite = (container: Container): Container =>
    capture === "Redirect" && !ownContainers.includes(container.name) ? withProbes(container, excluded) : container;
  const { metadata, spec } = pod;
  const {
    [notInjectedAnnotation]: _refusal,
    [excludedPortsAnnotation]: _ports,
    ...annotations
  } = metadata.annotations ?? {};
  const proxyPorts = capture === "Port" ? judged.map(portOfSidecar) : [];
  const own = [
    ...(capture === "Redirect" ? [{ ...template.redirect, env: redirectEnv(excluded) }] : []),
    { ...template.proxy, ports: [...template.proxyPorts, ...proxyPorts] },
  ] as readonly unknown[] as readonly Container[];
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [injectedLabel]: "true" },
      annotations: {
        ...annotations,
        [captureAnnotation]: capture,
        [templateAnnotation]: template.id,
        ...(excluded.length > 0 && { [excludedPortsAnnotation]: excluded.join(",") }),
      },
    },
    spec: {
      ...spec,
      // First of all: nothing of the pod runs before its calls are judged.
      initContainers: [
        ...own,
        ...(spec.initContainers ?? []).filter(({ name }) => !ownContainers.includes(name)).map(rewrite),
      ],
      containers: spec.containers.map(rewrite),
      volumes: [
        ...(spec.volumes ?? []).filter(({ name }) => !ownVolumes.includes(name)),
        ...(template.volumes as readonly unknown[] as readonly Volume[]),
      ],
    },
  };
}

function portOfSidecar(port: number): JsonObject {
  return { name: sidecarPortName(port), containerPort: sidecarPort(port), protocol: "TCP" };
}

function patchOf(from: Pod, to: Pod): readonly JsonPatchOp[] {
  if (isDeepStrictEqual(from, to)) return [];
  return [
    ...changeTexts("/metadata/labels", from.metadata.labels, to.metadata.labels ?? {}),
    ...changeTexts("/metadata/annotations", from.metadata.annotations, to.metadata.annotations ?? {}),
    ...change("/spec/initContainers", from.spec.initContainers, to.spec.initContainers),
    ...from.spec.containers.flatMap((container, index) =>
      probeFields.flatMap((name) =>
        change(pointer("spec", "containers", index, name), container[name], to.spec.containers[index]?.[name]),
      ),
    ),
    ...change("/spec/volumes", from.spec.volumes, to.spec.volumes),
  ];
}
