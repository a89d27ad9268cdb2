import { skipReason } from "./inject.ts";
import { injectedLabel, injectLabel, notInjectedAnnotation } from "./names.ts";
import type { NamespaceFacts } from "./settings.ts";

/** Why a pod has no sidecar that works although it should, and what to do. */
export const unprotectedReasons = {
  refused: "it cannot be injected; its annotation picket.dev/not-injected says why",
  missed:
    "it was created while nobody injected, or before its namespace asked for injection: delete it, and what made it makes it anew",
  "opted-out": "a policy is for it, and its label says picket.dev/inject=false: remove the label",
  "not-asked":
    "a policy is for it, and neither it nor its namespace asks for injection: label the namespace picket.dev/inject=enabled",
  "no-sidecar": "it says that it was injected and has no container picket-proxy: delete it",
} as const;

export type UnprotectedReason = keyof typeof unprotectedReasons;

/** What is asked of a pod. */
export interface PodState {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether its specification has the sidecar. */
  readonly hasSidecar: boolean;
  readonly isOver: boolean;
  readonly isTerminating: boolean;
}

export interface UnprotectedPod {
  readonly namespace: string;
  readonly name: string;
  readonly reason: UnprotectedReason;
  /** One sentence for people. */
  readonly message: string;
}

export interface UnprotectedPods {
  /** Of every reason, so that a gauge falls back to 0. */
  readonly counts: Readonly<Record<UnprotectedReason, number>>;
  /** The first of them, by namespace and name. */
  readonly pods: readonly UnprotectedPod[];
}

/** Pods that are named; beyond it they are only counted. */
export const unprotectedPodsMax = 500;
/** Longest annotation that is repeated. */
const messageCharactersMax = 500;

interface Look<P> {
  readonly namespaces: ReadonlyMap<string, NamespaceFacts>;
  readonly ownNamespace: string;
  /** Whether a policy is for a pod. */
  readonly isGoverned: (pod: P) => boolean;
}

/**
 * Pods that should have a sidecar and have none: their namespace or they themselves ask for it, or a policy is for
 * them. Who opts out of a namespace that asks is left alone as long as no policy is for it.
 */
export function unprotectedPods<P extends PodState>(pods: Iterable<P>, look: Look<P>): UnprotectedPods {
  const counts: Record<UnprotectedReason, number> = {
    refused: 0,
    missed: 0,
    "opted-out": 0,
    "not-asked": 0,
    "no-sidecar": 0,
  };
  const found: UnprotectedPod[] = [];
  for (const pod of pods) {
    const reason = reasonOf(pod, look);
    if (reason === undefined) continue;
    counts[reason]++;
    found.push({ namespace: pod.namespace, name: pod.name, reason, message: messageOf(pod, reason) });
  }
  found.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
  return { counts, pods: found.slice(0, unprotectedPodsMax) };
}

function reasonOf<P extends PodState>(pod: P, look: Look<P>): UnprotectedReason | undefined {
  if (pod.isOver || pod.isTerminating || pod.hasSidecar) return undefined;
  const { labels, annotations } = pod;
  const namespace = look.namespaces.get(pod.namespace) ?? { name: pod.namespace, labels: {}, annotations: {} };
  switch (skipReason(labels, namespace, look.ownNamespace)) {
    case "own-namespace":
    case "system-namespace":
    case "mirror-pod":
      return undefined;
    case "opted-out":
      return look.isGoverned(pod) ? "opted-out" : undefined;
    case "not-asked":
      if (labels[injectedLabel] === "true") return "no-sidecar";
      return look.isGoverned(pod) ? "not-asked" : undefined;
    case undefined:
      if (annotations[notInjectedAnnotation] !== undefined) return "refused";
      return labels[injectedLabel] === "true" ? "no-sidecar" : "missed";
  }
}

function messageOf({ annotations, labels }: PodState, reason: UnprotectedReason): string {
  const told = annotations[notInjectedAnnotation];
  if (reason === "refused" && told !== undefined) return told.slice(0, messageCharactersMax);
  if (reason === "missed" && labels[injectLabel] === "true") {
    return "it was created while nobody injected: delete it, and what made it makes it anew";
  }
  return unprotectedReasons[reason];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
