import type { KubeObject } from "../../../../operator/kube/object.ts";
import { controllerFacts, type ControllerFacts } from "../../../../operator/provider/kubernetes/cluster-facts.ts";
import { podFacts, type PodFacts } from "../../../../operator/provider/kubernetes/pod-facts.ts";

interface PodOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly ports?: readonly object[];
  readonly container?: object;
  readonly spec?: object;
  readonly status?: object;
}

/** A pod as the API server has it after injection. */
export function podObject(options: PodOptions = {}): KubeObject {
  const {
    name = "accounts-5d9c-x2x4z",
    namespace = "bank",
    owner = { kind: "ReplicaSet", name: "accounts-5d9c" },
  } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: "1",
      labels: { app: "accounts", "pod-template-hash": "5d9c", "picket.dev/injected": "true", ...options.labels },
      annotations: { "picket.dev/capture": "Redirect", ...options.annotations },
      ownerReferences: [{ apiVersion: "apps/v1", uid: "o", controller: true, ...owner }],
    },
    spec: {
      serviceAccountName: "accounts",
      containers: [{ name: "app", ports: options.ports ?? [{ containerPort: 8080 }], ...options.container }],
      initContainers: [{ name: "picket-proxy", restartPolicy: "Always", ports: [{ containerPort: 28080 }] }],
      ...options.spec,
    },
    status: { podIP: "10.0.0.7", phase: "Running", conditions: [{ type: "Ready", status: "True" }], ...options.status },
  };
}

export function pod(options: PodOptions = {}): PodFacts {
  return podFacts(podObject(options));
}

export function deployment(name: string, ports: readonly object[], namespace = "bank"): ControllerFacts {
  return controllerFacts("Deployment")({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: "1" },
    spec: { template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "app", ports }] } } },
  });
}
