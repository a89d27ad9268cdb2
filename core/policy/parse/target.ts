import type { Target } from "../policy.ts";
import { label, labels, subdomain } from "./metadata.ts";
import { childPlace, refuse, refuseType, type Place, type Reader } from "./place.ts";
import { isMapping, list, optional, record, required, unsupported } from "./record.ts";
import { word } from "./scalar.ts";

/** References of one policy. */
export const targetsMax = 16;
/** Namespaces that one cluster-wide policy names. */
export const namespacesMax = 64;

const groupOf = { Deployment: "apps", StatefulSet: "apps", DaemonSet: "apps", Service: "", Namespace: "" } as const;
type TargetKind = keyof typeof groupOf;
const targetKinds: Readonly<Record<string, TargetKind>> = Object.fromEntries(
  Object.keys(groupOf).map((kind) => [kind, kind as TargetKind]),
);

const group: Reader<string> = (place) =>
  typeof place.value === "string" ? place.value : refuseType(place, "text", 'write apps, or "" for the core group');

interface TargetRef {
  readonly kind: TargetKind;
  readonly name: string;
}

const targetRef: Reader<TargetRef> = record({
  shape: {
    group: optional(group),
    kind: required(word(targetKinds), "write kind: Deployment"),
    name: required(subdomain, "name the object that the policy protects"),
    sectionName: unsupported("write ports: [{port: 8080}] beside targetRefs"),
  },
  misplaced: { namespace: "a policy protects workloads of its own namespace only" },
  check({ group: written, kind }, place) {
    if (kind === undefined) return;
    const expected = groupOf[kind];
    const isWritten = isMapping(place.value) && Object.hasOwn(place.value, "group");
    if ((isWritten && written === undefined) || (written ?? "") === expected) return;
    const fix = expected === "" ? 'remove group, or write group: ""' : `write group: ${expected}`;
    refuse(
      childPlace(place, "group", undefined),
      "PKT0205",
      `${kind} is not of the group ${JSON.stringify(written ?? "")}`,
      fix,
    );
  },
  build: ({ kind, name }) => ({ kind, name }),
});

/** `targetRefs` of an ApiPolicy. */
export const targetRefs = list(targetRef, {
  min: 1,
  max: targetsMax,
  unique: { key: ({ kind, name }: TargetRef) => `${kind} ${name}`, what: "object" },
});

/** `selector` of an ApiPolicy. */
export const selector = record({
  shape: {
    matchLabels: required(labels, "write matchLabels: {app: accounts}"),
    matchExpressions: unsupported("write matchLabels: {app: accounts}"),
  },
  check({ matchLabels }, place) {
    if (matchLabels === undefined || Object.keys(matchLabels).length > 0) return;
    const at = childPlace(place, "matchLabels", undefined);
    refuse(at, "PKT0206", "names no label", "name one, or remove selector to protect the whole namespace");
  },
  build: ({ matchLabels }) => matchLabels,
});

/** `namespaces` of a ClusterApiPolicy: those it speaks about; left out, all of them. */
export const namespaces = list(label, {
  min: 1,
  max: namespacesMax,
  unique: { key: (name: string) => name, what: "name" },
});

/** Who an ApiPolicy speaks about; undefined, with a problem, when its references do not go together. */
export function targetOf(
  references: readonly TargetRef[] | undefined,
  wanted: Readonly<Record<string, string>> | undefined,
  namespace: string,
  place: Place,
): Target | undefined {
  if (wanted !== undefined) {
    if (references === undefined) return { kind: "labels", labels: wanted };
    const at = childPlace(place, "selector", undefined);
    return refuse(at, "PKT0209", "stands beside targetRefs", "keep one of targetRefs and selector");
  }
  if (references === undefined) return { kind: "namespace" };
  const whole = references.findIndex(({ kind }) => kind === "Namespace");
  if (whole < 0) {
    const refs = references.flatMap(({ kind, name }) => (kind === "Namespace" ? [] : [{ kind, name }]));
    return { kind: "workloads", refs };
  }
  const at: Place = { ...place, path: `${place.path}.targetRefs[${whole}]` };
  if (references.length > 1) {
    const message = "a Namespace stands beside other targets that it holds already";
    return refuse(at, "PKT0209", message, "keep the Namespace alone, or remove it");
  }
  if (references[whole]?.name !== namespace) {
    const message = `the policy lives in the namespace ${namespace} and cannot speak about another`;
    return refuse(at, "PKT0209", message, "name its own namespace, or write a ClusterApiPolicy with namespaces");
  }
  return { kind: "namespace" };
}
