import type { Identity, InstallConfig, Workload } from "./identity.ts";
import { checkConfigName, configSpec } from "./parse/config.ts";
import { identitySpec } from "./parse/identity.ts";
import { anything, metadata, type Metadata } from "./parse/metadata.ts";
import { nearestName } from "./parse/nearest-name.ts";
import { childPlace, refuse, Report, show, type Place, type Reader } from "./parse/place.ts";
import { apiPolicySpec, clusterApiPolicySpec, completePolicy, readTargetOnly } from "./parse/policy.ts";
import { isMapping, optional, record, required } from "./parse/record.ts";
import type { SourceDocument } from "./parse/source-document.ts";
import { workloadSpec } from "./parse/workload.ts";
import type { ObjectId, Origin, Policy, Target } from "./policy.ts";
import type { ObjectProblem } from "./problem.ts";
import type { ObjectChecks } from "./parse/object-checks.ts";

/** What a document turned out to be. */
export type ParsedObject =
  | { readonly kind: "policy"; readonly policy: Policy }
  | { readonly kind: "identity"; readonly identity: Identity }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "config"; readonly config: InstallConfig }
  /** An object of another group, such as a Deployment. */
  | { readonly kind: "skipped" }
  | {
      readonly kind: "invalid";
      /** Present when kind and name could be read. */
      readonly id?: ObjectId | undefined;
      /** Present when it is a policy whose target could be read, so that its workloads can be kept closed. */
      readonly target?: Target | undefined;
      readonly problems: readonly ObjectProblem[];
    };

/** The group and version of Picket's own kinds. */
export const apiVersion = "picket.dev/v1alpha1";

/** Kinds that this version reads, and whether their objects live in a namespace. */
export const kindScopes = {
  ApiPolicy: "namespaced",
  ClusterApiPolicy: "cluster",
  ApiIdentity: "namespaced",
  ClusterApiIdentity: "cluster",
  Workload: "namespaced",
  PicketConfig: "cluster",
} as const;
export type PicketKind = keyof typeof kindScopes;

/** Kinds of the group, all of them in namespaces, that this version names but does not enforce. */
export const laterKinds = ["ApiService", "ApiModel", "ApiBlock", "ApiCampaign", "ApiSuggestion", "ApiGrant"] as const;
export type LaterKind = (typeof laterKinds)[number];

/** Whether it is one of `laterKinds`. */
export function isLaterKind(kind: unknown): kind is LaterKind {
  return (laterKinds as readonly unknown[]).includes(kind);
}

/**
 * Reads one document into a domain object. All problems of the object are told at once; an object with a problem is
 * never used in part. Nothing is ignored: an unknown field, or one that this version does not enforce, is a problem.
 * Never throws, whatever the value is.
 */
export function parseObject(document: SourceDocument, checks: ObjectChecks): ParsedObject {
  const report = new Report(document, checks);
  const root: Place = { value: document.value, path: "", report };
  const kind = readKind(root);
  if (kind === "skipped") return { kind: "skipped" };
  if (kind === undefined || !isMapping(document.value)) return { kind: "invalid", problems: report.problems };
  const id = idOf(kind, document, checks);
  // Invariant: nothing of a kind that is not enforced is read, so it can neither grant nor refuse.
  if (isLaterKind(kind)) return { kind: "invalid", id, problems: report.problems };
  const parsed = readers[kind](root, id?.namespace ?? "");
  // Invariant: what was read is used only when nothing at all is wrong.
  if (parsed !== undefined && report.count === 0) return parsed;
  return { kind: "invalid", id, target: targetOf(kind, id, document, checks), problems: report.problems };
}

/** The kind to read, `skipped` for other groups, or undefined with a problem. A later kind is told with a problem, too. */
function readKind(root: Place): PicketKind | LaterKind | "skipped" | undefined {
  const { value } = root;
  if (!isMapping(value)) {
    const fix = `start the document with apiVersion: ${apiVersion} and kind: ApiPolicy`;
    return refuse(root, "PKT0101", "the document is not an object", fix);
  }
  const version = value["apiVersion"];
  const kind = value["kind"];
  if (typeof version !== "string" || typeof kind !== "string") {
    const missing = typeof version === "string" ? "kind" : "apiVersion";
    const at = childPlace(root, missing, undefined);
    const fix = missing === "kind" ? "write kind: ApiPolicy" : `write apiVersion: ${apiVersion}`;
    return refuse(at, "PKT0101", `${missing} is ${Object.hasOwn(value, missing) ? "not text" : "missing"}`, fix);
  }
  if (version === "v1" && kind.endsWith("List")) {
    const message = "a list of objects is not read, and what it holds would be overlooked";
    return refuse(
      childPlace(root, "kind", undefined),
      "PKT0101",
      message,
      "write each object as a document of its own",
    );
  }
  const [group] = version.split("/");
  if (group !== "picket.dev") return skipOrNear(root, version, group ?? "");
  if (version !== apiVersion) {
    const message = `${show(version)} is not a version that is read`;
    return refuse(childPlace(root, "apiVersion", undefined), "PKT0103", message, `write ${apiVersion}`);
  }
  if (Object.hasOwn(kindScopes, kind)) return kind as PicketKind;
  const at = childPlace(root, "kind", undefined);
  if (isLaterKind(kind)) {
    refuse(at, "PKT0202", `objects of kind ${kind} are not enforced by this version`, "remove the object");
    return kind;
  }
  const kinds = Object.keys(kindScopes);
  const near = nearestName(kind, kinds);
  const fix = near === undefined ? `write one of ${kinds.join(", ")}` : `did you mean ${near}?`;
  return refuse(at, "PKT0102", `there is no kind ${show(kind)}`, fix);
}

/** Another group is none of our business, unless it is ours with a slip of the pen: then skipping would unprotect. */
function skipOrNear(root: Place, version: string, group: string): "skipped" | undefined {
  if (group.endsWith(".picket.dev") || nearestName(group, ["picket.dev"]) === undefined) return "skipped";
  const message = `${show(version)} is not a group that is known`;
  return refuse(childPlace(root, "apiVersion", undefined), "PKT0103", message, `did you mean ${apiVersion}?`);
}

/** Kind and name where they can be read, whatever else is wrong. */
function idOf(kind: PicketKind | LaterKind, document: SourceDocument, checks: ObjectChecks): ObjectId | undefined {
  const report = new Report(document, checks);
  const { metadata: value } = document.value as { readonly metadata?: unknown };
  if (!isMapping(value)) return undefined;
  const { name, namespace } = value;
  const wanted = { name, ...(namespace === undefined ? {} : { namespace }) };
  const read = metadata(isLaterKind(kind) ? "namespaced" : kindScopes[kind])({
    value: wanted,
    path: "metadata",
    report,
  });
  return read === undefined ? undefined : { kind, namespace: read.namespace, name: read.name };
}

function targetOf(
  kind: PicketKind,
  id: ObjectId | undefined,
  document: SourceDocument,
  checks: ObjectChecks,
): Target | undefined {
  if (id === undefined || (kind !== "ApiPolicy" && kind !== "ClusterApiPolicy")) return undefined;
  const { spec } = document.value as { readonly spec?: unknown };
  return readTargetOnly(kind, id.namespace, { value: spec, path: "spec", report: new Report(document, checks) });
}

type ObjectReader = (root: Place, namespace: string) => ParsedObject | undefined;

const readers: Readonly<Record<PicketKind, ObjectReader>> = {
  ApiPolicy: (root, namespace) =>
    object("ApiPolicy", apiPolicySpec(namespace), ({ id, origin, meta, spec }) => ({
      kind: "policy",
      policy: completePolicy(id, origin, meta, spec, root.report),
    }))(root),
  ClusterApiPolicy: object("ClusterApiPolicy", clusterApiPolicySpec, ({ id, origin, meta, spec }, { report }) => ({
    kind: "policy",
    policy: completePolicy(id, origin, meta, spec, report),
  })),
  ApiIdentity: object("ApiIdentity", identitySpec, ({ id, origin, spec }) => ({
    kind: "identity",
    identity: { id, origin, ...spec },
  })),
  ClusterApiIdentity: object("ClusterApiIdentity", identitySpec, ({ id, origin, spec }) => ({
    kind: "identity",
    identity: { id, origin, ...spec },
  })),
  Workload: object("Workload", workloadSpec, ({ id, origin, meta, spec }) => ({
    kind: "workload",
    workload: { id, origin, labels: meta.labels, ...spec },
  })),
  PicketConfig: object("PicketConfig", configSpec, ({ origin, spec }) => ({
    kind: "config",
    config: { origin, ...spec },
  })),
};

interface ReadParts<S> {
  readonly id: ObjectId;
  readonly origin: Origin;
  readonly meta: Metadata;
  readonly spec: S;
}

function object<S>(
  kind: PicketKind,
  spec: Reader<S>,
  build: (parts: ReadParts<S>, root: Place) => ParsedObject,
): (root: Place) => ParsedObject | undefined {
  return record({
    shape: {
      apiVersion: required(anything, ""),
      kind: required(anything, ""),
      metadata: required(metadata(kindScopes[kind]), "write metadata: {name: …}"),
      spec: required(spec, "write spec: and its fields"),
      // Written by the operator; a printed object may be read again.
      status: optional(anything),
    },
    check({ metadata: meta }, root) {
      if (kind === "PicketConfig" && meta !== undefined) {
        checkConfigName(meta.name, childPlace(root, "metadata", undefined));
      }
    },
    build(values, root) {
      const { document } = root.report;
      const { name, namespace } = values.metadata;
      const parts: ReadParts<S> = {
        id: { kind, namespace, name },
        origin: { file: document.file, line: document.lineOf("apiVersion") },
        meta: values.metadata,
        spec: values.spec,
      };
      return build(parts, root);
    },
  });
}
