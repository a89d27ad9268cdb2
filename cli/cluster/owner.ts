import { labelsOf, listAt, nameOf, textAt, type KubeObject } from "./object.ts";

/** Who runs a pod, in the words that people use. */
export interface PodOwner {
  readonly kind: string;
  readonly name: string;
}

/** The Deployment behind a ReplicaSet, the CronJob behind a Job, or the pod itself where nobody controls it. */
export function ownerOf(pod: KubeObject): PodOwner {
  const controller = listAt(pod, "metadata", "ownerReferences").find((owner) => owner["controller"] === true);
  if (controller === undefined) return { kind: "Pod", name: nameOf(pod) };
  const kind = textAt(controller, "kind");
  const name = textAt(controller, "name");
  const hash = labelsOf(pod)["pod-template-hash"];
  if (kind === "ReplicaSet" && hash !== undefined && name.endsWith(`-${hash}`)) {
    return { kind: "Deployment", name: name.slice(0, -hash.length - 1) };
  }
  const scheduled = kind === "Job" ? /^(.+)-[0-9]{8,10}$/.exec(name)?.[1] : undefined;
  return scheduled === undefined ? { kind, name } : { kind: "CronJob", name: scheduled };
}
