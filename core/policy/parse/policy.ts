import type { Millis } from "../../limits/time.ts";
import type {
  Denial,
  Effect,
  Failure,
  Guards,
  Limit,
  Mode,
  ObjectId,
  Origin,
  Policy,
  Strategy,
  Target,
} from "../policy.ts";
import { access, effects } from "./access.ts";
import { isStricter, limits, modeWords } from "./limits.ts";
import { subdomain, type Metadata } from "./metadata.ts";
import { childPlace, refuse, type Place, type Reader, type Report } from "./place.ts";
import { list, optional, record, required, unsupported } from "./record.ts";
import { duration, flag, whole, word } from "./scalar.ts";
import { namespaces, selector, targetOf, targetRefs } from "./target.ts";

/** Ports of one policy. */
export const portsMax = 16;
/** Identities of one policy. */
export const identityRefsMax = 8;
/** Largest body that is looked at. */
export const bodyBytesMax = 1_048_576;
/** Largest body that is read as JSON: it is held in memory and parsed while the caller waits. */
export const jsonBodyBytesMax = 65_536;
/** Deepest JSON that is read. */
export const jsonDepthMax = 64;

const port = record({
  shape: {
    port: required(whole({ min: 1, max: 65_535 }), "write port: 8080"),
    protocol: optional(word({ HTTP: "HTTP" })),
  },
  build: (values) => values.port,
});

const identityRef = record({
  shape: { name: required(subdomain, "name an ApiIdentity of the namespace, or a ClusterApiIdentity") },
  build: ({ name }) => name,
});

const guards: Reader<Guards> = record({
  shape: {
    maxBodyBytes: optional(whole({ min: 1, max: bodyBytesMax })),
    maxJsonDepth: optional(whole({ min: 1, max: jsonDepthMax })),
    // What two readers could read differently is always refused; the field only says so.
    ambiguousPath: optional(word({ Deny: "deny" })),
  },
  check({ maxBodyBytes, maxJsonDepth }, place) {
    if (maxJsonDepth === undefined) return;
    if (!Object.hasOwn(place.value as object, "maxBodyBytes")) {
      const message = "needs maxBodyBytes beside it: a body without a bound is not read";
      refuse(childPlace(place, "maxJsonDepth", undefined), "PKT0209", message, `add maxBodyBytes: ${jsonBodyBytesMax}`);
    } else if (maxBodyBytes !== undefined && maxBodyBytes > jsonBodyBytesMax) {
      const message = `${maxBodyBytes} is more than the ${jsonBodyBytesMax} that are read as JSON`;
      const fix = `write at most ${jsonBodyBytesMax}, or remove maxJsonDepth`;
      refuse(childPlace(place, "maxBodyBytes", undefined), "PKT0206", message, fix);
    }
  },
  build: ({ maxBodyBytes, maxJsonDepth }) => ({ maxBodyBytes, maxJsonDepth }),
});

const failure = record({
  shape: {
    decision: optional(word<Effect>(effects)),
    timeout: optional(duration({ min: "5ms", max: "1s" })),
    keysMaxStale: optional(duration({ min: "1m", max: "30d" })),
    // Limits are counted where the request is; the field only says so.
    limits: optional(word({ Local: "local" })),
    model: unsupported("remove it: no model is asked"),
    attributes: unsupported("remove it: a rule that cannot be evaluated never allows"),
  },
  misplaced: { mode: "write decision: Deny", timeoutMs: "write timeout: 100ms" },
  build: ({ decision, timeout, keysMaxStale }): FailureValues => ({ decision, timeout, keysMaxStale }),
});

interface FailureValues {
  readonly decision: Effect | undefined;
  readonly timeout: Millis | undefined;
  readonly keysMaxStale: Millis | undefined;
}

const denial: Reader<Partial<Denial>> = record({
  shape: {
    body: optional(word<Denial["body"]>({ Problem: "problem", Empty: "empty" })),
    showReason: optional(flag),
  },
  build: ({ body, showReason }) => ({
    ...(body === undefined ? {} : { body }),
    ...(showReason === undefined ? {} : { showReason }),
  }),
});

const blocks = {
  ports: optional(list(port, { max: portsMax, unique: { key: (number: number) => String(number), what: "port" } })),
  mode: optional(word(modeWords)),
  strategy: optional(word<Strategy>({ Default: "default", Floor: "floor" })),
  identityRefs: optional(
    list(identityRef, { max: identityRefsMax, unique: { key: (name: string) => name, what: "name" } }),
  ),
  access: optional(access),
  limits: optional(limits),
  guards: optional(guards),
  failure: optional(failure),
  denial: optional(denial),
  anomaly: unsupported("remove it: this version judges by rules and limits only"),
  accounts: unsupported("protect login with a limit per SourceNetwork"),
  schema: unsupported("name the allowed operations in access.rules, and keep access.default: Deny"),
  integrity: unsupported("remove it, and verify signatures in the application"),
  data: unsupported("remove it"),
  privacy: unsupported("remove it: no request content is kept"),
} as const;

const misplaced = {
  rules: "write access: {rules: […]}",
  default: "write access: {default: Deny}",
  targetRef: "write targetRefs: [{group: apps, kind: Deployment, name: …}]",
  target: "write targetRefs: [{group: apps, kind: Deployment, name: …}]",
  identities: "write identityRefs: [{name: …}]",
  jwt: "write it in an ApiIdentity, and name that in identityRefs",
  rateLimit: "write limits: [{name: …, requests: 100, window: 1m}]",
};

const shapes = {
  ApiPolicy: { ...blocks, targetRefs: optional(targetRefs), selector: optional(selector) },
  ClusterApiPolicy: { ...blocks, namespaces: optional(namespaces) },
} as const;

type Blocks = Omit<Policy, "id" | "origin" | "createdMs" | "lines">;

/** Reads the `spec` of an ApiPolicy. */
export function apiPolicySpec(namespace: string): Reader<Blocks> {
  return record({
    shape: shapes.ApiPolicy,
    misplaced: { ...misplaced, namespaces: "only a ClusterApiPolicy names namespaces" },
    check(values, place) {
      const target = targetOf(values.targetRefs, values.selector, namespace, place);
      const isWorkload = target !== undefined && target.kind !== "namespace";
      if (values.strategy === "floor" && isWorkload) {
        const message = "Floor is for a whole namespace or the cluster, not for single workloads";
        const fix = `target {kind: Namespace, name: ${namespace}}, or write strategy: Default`;
        refuse(childPlace(place, "strategy", undefined), "PKT0212", message, fix);
      }
      checkTogether(values, place);
    },
    // `check` has reported a target that could not be made, so it is there now.
    build: (values, place) =>
      policyOf(values, targetOf(values.targetRefs, values.selector, namespace, place) ?? { kind: "namespace" }),
  });
}

/** Reads the `spec` of a ClusterApiPolicy. */
export const clusterApiPolicySpec: Reader<Blocks> = record({
  shape: shapes.ClusterApiPolicy,
  misplaced: {
    ...misplaced,
    targetRefs: "a ClusterApiPolicy speaks about namespaces; write an ApiPolicy for single workloads",
    selector: "a ClusterApiPolicy speaks about namespaces; write an ApiPolicy for single workloads",
    namespaceSelector: "write namespaces: [bank]",
    namespace: "write namespaces: [bank]",
  },
  check: checkTogether,
  build: (values) => policyOf(values, { kind: "cluster", namespaces: values.namespaces ?? [] }),
});

interface BlockValues {
  readonly mode?: Mode | undefined;
  readonly strategy?: Strategy | undefined;
  readonly ports?: readonly number[] | undefined;
  readonly identityRefs?: readonly string[] | undefined;
  readonly access?: Policy["access"];
  readonly limits?: readonly Limit[] | undefined;
  readonly guards?: Guards | undefined;
  readonly failure?: FailureValues | undefined;
  readonly denial?: Partial<Denial> | undefined;
}

function policyOf(values: BlockValues, target: Target): Blocks {
  const { decision, timeout, keysMaxStale } = values.failure ?? {};
  const failureBlock: Partial<Failure> = {
    ...(decision === undefined ? {} : { decision }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(keysMaxStale === undefined ? {} : { keysMaxStaleMs: keysMaxStale }),
  };
  return {
    target,
    strategy: values.strategy ?? "default",
    mode: values.mode,
    ports: values.ports ?? [],
    identityRefs: values.identityRefs,
    access: values.access,
    limits: values.limits,
    guards: values.guards,
    failure: values.failure === undefined ? undefined : failureBlock,
    denial: values.denial,
  };
}

function checkTogether(values: BlockValues, place: Place): void {
  const inside = (...keys: readonly string[]): Place => keys.reduce((at, key) => childPlace(at, key, undefined), place);
  for (const [index, { mode, name }] of (values.limits ?? []).entries()) {
    if (!isStricter(mode, values.mode)) continue;
    const at = { ...place, path: `${place.path}.limits[${index}].mode` };
    refuse(
      at,
      "PKT0209",
      `the limit ${name} would be stricter than its policy`,
      "raise the mode of the policy instead",
    );
  }
  if (values.strategy !== "floor") return;
  const floor = (at: Place, message: string, fix: string): void => void refuse(at, "PKT0212", message, fix);
  if (values.identityRefs !== undefined) {
    floor(inside("identityRefs"), "a Floor cannot add identities: they would let callers in", "name them in a Default");
  }
  if (values.failure?.decision === "allow") {
    floor(inside("failure", "decision"), "a Floor cannot let requests pass unjudged", "write Deny, or remove it");
  }
  if (values.failure?.timeout !== undefined) {
    const message = "a shorter or longer wait is not stricter by itself";
    floor(inside("failure", "timeout"), message, "set it in a policy with strategy: Default");
  }
  if (values.denial?.body !== undefined) {
    floor(inside("denial", "body"), "the form of a refusal is nothing that a Floor tightens", "set it in a Default");
  }
  if (values.denial?.showReason === true) {
    floor(inside("denial", "showReason"), "a Floor cannot make refusals tell more", "write false, or remove it");
  }
}

/** The target of a policy that may be bad elsewhere; undefined when it cannot be told. */
export function readTargetOnly(
  kind: "ApiPolicy" | "ClusterApiPolicy",
  namespace: string,
  spec: Place,
): Target | undefined {
  const { value, report } = spec;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const before = report.count;
  const fields = value as Readonly<Record<string, unknown>>;
  const at = (key: string): Place => childPlace(spec, key, fields[key]);
  const read = <T>(key: string, reader: Reader<T>): T | undefined =>
    Object.hasOwn(fields, key) ? reader(at(key)) : undefined;
  const target: Target | undefined =
    kind === "ClusterApiPolicy"
      ? { kind: "cluster", namespaces: read("namespaces", namespaces) ?? [] }
      : targetOf(read("targetRefs", targetRefs), read("selector", selector), namespace, spec);
  return report.count === before ? target : undefined;
}

/** The whole policy, with the line of each of its fields. */
export function completePolicy(
  id: ObjectId,
  origin: Origin,
  metadata: Metadata,
  blocksRead: Blocks,
  report: Report,
): Policy {
  return { id, origin, createdMs: metadata.createdMs, ...blocksRead, lines: linesOf(report) };
}

const noLines: ReadonlyMap<string, number> = new Map();

/**
 * Lines by path below `spec`. Rules and limits are named, not counted (`access.rules[owner-reads].when`); durations
 * also stand under the name of the domain type, `failure.timeoutMs`.
 */
function linesOf({ document }: Report): ReadonlyMap<string, number> {
  // An object of an API server has no lines: three hundred zeros for each of a thousand policies take 34 MB.
  if (document.lineOf("") === 0) return noLines;
  const lines = new Map<string, number>();
  const walk = (value: unknown, written: string, named: string): void => {
    if (named !== "") lines.set(named, document.lineOf(written));
    if (typeof value !== "object" || value === null) return;
    const isNamedList = named === "access.rules" || named === "limits";
    for (const [key, child] of Object.entries(value)) {
      if (!Array.isArray(value)) walk(child, `${written}.${key}`, named === "" ? key : `${named}.${key}`);
      else walk(child, `${written}[${key}]`, `${named}[${isNamedList ? nameOf(child) : key}]`);
    }
  };
  walk((document.value as { readonly spec: unknown }).spec, "spec", "");
  for (const [written, domain] of [
    ["failure.timeout", "failure.timeoutMs"],
    ["failure.keysMaxStale", "failure.keysMaxStaleMs"],
  ] as const) {
    const line = lines.get(written);
    if (line !== undefined) lines.set(domain, line);
  }
  return lines;
}

function nameOf(value: unknown): string {
  return String((value as { readonly name: unknown }).name);
}
