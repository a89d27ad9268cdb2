import type { KubeObject } from "../../kube/object.ts";
import type { PodPort } from "../../translate/pod-shape.ts";
import { recordOf, textOf, textsOf } from "./fields.ts";
import { containersOf, judgedPorts } from "./pod-facts.ts";

/** What is kept of a Deployment, StatefulSet or DaemonSet. */
export interface ControllerFacts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Labels of its pods. */
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly PodPort[];
  readonly serviceAccount: string;
}

export function controllerFacts(kind: string): (object: KubeObject) => ControllerFacts {
  return ({ metadata, spec }) => {
    const template = recordOf(recordOf(spec)["template"]);
    const pod = recordOf(template["spec"]);
    const meta = recordOf(template["metadata"]);
    return {
      kind,
      namespace: metadata.namespace ?? "",
      name: metadata.name,
      labels: textsOf(meta["labels"]),
      ports: judgedPorts(containersOf(pod), textsOf(meta["annotations"])),
      serviceAccount: textOf(pod["serviceAccountName"]),
    };
  };
}

export interface ServiceFacts {
  readonly namespace: string;
  readonly name: string;
  /** Empty: it selects nothing. */
  readonly selector: Readonly<Record<string, string>>;
}

export function serviceFacts({ metadata, spec }: KubeObject): ServiceFacts {
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    selector: textsOf(recordOf(spec)["selector"]),
  };
}

export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly isTerminating: boolean;
}

export function namespaceFacts({ metadata }: KubeObject): NamespaceFacts {
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    annotations: Object.fromEntries(
      Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith("picket.dev/")),
    ),
    isTerminating: metadata.deletionTimestamp !== undefined,
  };
}
