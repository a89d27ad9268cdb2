import type { EpochMs } from "../../limits/time.ts";
import { isMapping, optional, record, required } from "./record.ts";
import { childPlace, refuse, refuseType, show, type Place, type Reader } from "./place.ts";

/** RFC 1123 label, as Kubernetes takes it for namespaces, rules and limits. */
export const labelCharactersMax = 63;
/** RFC 1123 subdomain, as Kubernetes takes it for names of objects. */
export const subdomainCharactersMax = 253;
/** Labels of one object or selector. */
export const labelsMax = 64;

/** Namespace of an object that names none, as with kubectl. */
export const namespaceDefault = "default";

export interface Metadata {
  readonly name: string;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: EpochMs;
}

const nameFix = "use lower-case letters, digits and -, with a letter or digit at both ends";

/** `owner-reads`: a name without dots. */
export const label = name(labelCharactersMax, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, nameFix);

/** `accounts.v2`: a name that may have dots. */
export const subdomain = name(
  subdomainCharactersMax,
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  `${nameFix}; dots may stand between such parts`,
);

function name(max: number, pattern: RegExp, fix: string): Reader<string> {
  return (place) => {
    const { value } = place;
    if (typeof value !== "string") return refuseType(place, "a name", "put it in quotes if it is meant as text");
    if (value.length > max) return refuse(place, "PKT0104", `has ${value.length} characters, more than ${max}`, fix);
    return pattern.test(value) ? value : refuse(place, "PKT0104", `${show(value)} is not a name`, fix);
  };
}

/** Labels, or what a selector wants of them. */
export const labels: Reader<Readonly<Record<string, string>>> = (place) => {
  const { value } = place;
  if (!isMapping(value)) return refuseType(place, "a mapping of labels", "write {app: accounts}");
  const entries = Object.entries(value);
  if (entries.length > labelsMax) {
    return refuse(place, "PKT0206", `has ${entries.length} labels, more than ${labelsMax}`, "remove some");
  }
  const before = place.report.count;
  for (const [key, content] of entries) {
    const at = childPlace(place, key, content);
    if (!isLabelKey(key)) {
      refuse(at, "PKT0104", `${show(key)} is not the key of a label`, "write app or example.com/app");
    }
    if (typeof content !== "string") refuseType(at, "text", "put it in quotes");
    else if (!/^$|^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(content)) {
      refuse(
        at,
        "PKT0207",
        `${show(content)} is not the value of a label`,
        "use letters, digits, -, _ and ., at most 63",
      );
    }
  }
  // Without a prototype, so that a label named like a property of objects is found only where it is written.
  if (place.report.count !== before) return undefined;
  const result = Object.create(null) as Record<string, string>;
  for (const [key, content] of entries) result[key] = String(content);
  return result;
};

function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  if (
    prefix !== undefined &&
    (prefix.length > subdomainCharactersMax || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(prefix))
  )
    return false;
  return /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(key.slice(slash + 1));
}

/** Anything: a field that the API server writes and that says nothing to Picket. */
export const anything: Reader<unknown> = (place) => place.value ?? null;

const created: Reader<EpochMs> = (place) => {
  const { value } = place;
  const moment = typeof value === "string" ? Date.parse(value) : value === null ? 0 : Number.NaN;
  if (Number.isFinite(moment)) return moment;
  return refuse(place, "PKT0207", `${show(value)} is not a time`, 'write "2026-01-05T09:00:00Z", or remove it');
};

/** Reads `metadata`. What the API server adds is accepted, so that a printed object can be read again. */
export function metadata(scope: "namespaced" | "cluster"): Reader<Metadata> {
  return record({
    shape: {
      name: required(subdomain, "write name: and a name of your choice"),
      namespace: optional(scope === "namespaced" ? label : noNamespace),
      labels: optional(labels),
      annotations: optional(anything),
      creationTimestamp: optional(created),
      deletionGracePeriodSeconds: optional(anything),
      deletionTimestamp: optional(anything),
      finalizers: optional(anything),
      generation: optional(anything),
      managedFields: optional(anything),
      ownerReferences: optional(anything),
      resourceVersion: optional(anything),
      selfLink: optional(anything),
      uid: optional(anything),
    },
    misplaced: { generateName: "write a name: a file stands for one object" },
    build: (values) => ({
      name: values.name,
      namespace: scope === "cluster" ? "" : (values.namespace ?? namespaceDefault),
      labels: values.labels ?? {},
      createdMs: values.creationTimestamp ?? 0,
    }),
  });
}

function noNamespace(place: Place): undefined {
  return refuse(place, "PKT0209", "a cluster-wide kind is in no namespace", "remove namespace");
}
