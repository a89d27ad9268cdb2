import type { JsonObject } from "./pod.ts";

/** How calls reach the sidecar: by rules in the pod's network, or because the Service points at the sidecar's port. */
export type Capture = "Redirect" | "Port";
export const captures: readonly Capture[] = ["Redirect", "Port"];

/** What one install injects. Values of the install, never of a pod. */
export interface InjectionSettings {
  readonly proxyImage: string;
  /** Image of the init container that redirects; it holds the same program as the proxy's. */
  readonly redirectImage: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** Kubernetes resources of the proxy container. */
  readonly resources: JsonObject;
  readonly capture: Capture;
  /** What Envoy is started with, as JSON; one text for the whole install. */
  readonly bootstrap: string;
  /** Seconds in which Envoy moves its clients away before the pod ends. */
  readonly drainSeconds: number;
  /** Whether a pod that cannot have the protection it asked for is refused (Fail) or marked and let in (Ignore). */
  readonly failurePolicy: "Fail" | "Ignore";
  /** Where Picket itself runs: nothing is ever injected there. */
  readonly ownNamespace: string;
}

/** What is asked of the namespace of a pod. */
export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
