import { injectLabel } from "./names.ts";
import type { Json } from "./pod.ts";
import { inject, markNotInjected } from "./inject.ts";
import type { JsonPatchOp } from "./json-patch.ts";
import type { InjectionSettings, NamespaceFacts } from "./settings.ts";

/**
 * What became of a request: `injected`, `skipped` (none of our business), `refused`, `marked` (let in without the
 * protection it asked for), `failed` (could not be judged).
 */
export const reviewResults = ["injected", "skipped", "refused", "marked", "failed"] as const;
export type ReviewResult = (typeof reviewResults)[number];

export interface ReviewContext {
  readonly settings: InjectionSettings;
  /** What is known of a namespace; undefined while nothing is. */
  readonly namespaceOf: (name: string) => NamespaceFacts | undefined;
}

export interface Reviewed {
  /** An AdmissionReview, whatever came in. */
  readonly body: Uint8Array;
  readonly result: ReviewResult;
  /** One sentence where something was not done; for the log. */
  readonly message?: string;
}

/** Longest id of a request that is repeated. The API server's has 36 characters. */
const uidCharactersMax = 256;
/** Longest message in an answer. */
const messageCharactersMax = 1_000;

const apiVersion = "admission.k8s.io/v1";

/** Answers a request of the API server about a pod. Never throws; what cannot be judged is never injected in silence. */
export function review(body: Uint8Array, context: ReviewContext): Reviewed {
  let uid = "";
  try {
    const envelope = parse(body);
    if (envelope === undefined) return answer(uid, refuse(400, "failed", "the body is no JSON object"));
    const request = recordOf(envelope["request"]);
    if (request === undefined) return answer(uid, refuse(400, "failed", "the review has no request"));
    const given = request["uid"];
    if (typeof given !== "string" || given.length > uidCharactersMax) {
      return answer(uid, refuse(400, "failed", "the request has no uid that could be repeated"));
    }
    uid = given;
    if (envelope["apiVersion"] !== apiVersion || envelope["kind"] !== "AdmissionReview") {
      return answer(uid, refuse(400, "failed", `only AdmissionReview of ${apiVersion} is understood`));
    }
    return answer(uid, decide(request, context));
  } catch (error) {
    const reason = error instanceof Error ? error.name : "unknown";
    return answer(uid, withoutProtection(context, "failed", `the pod could not be judged (${reason})`));
  }
}

/** What is answered when a body is too large to be read: its uid is not known. */
export function reviewTooLarge(bytesMax: number): Reviewed {
  return answer("", refuse(413, "failed", `the review has more than ${bytesMax} bytes`));
}

interface Decision {
  readonly result: ReviewResult;
  readonly message?: string;
  readonly allowed: boolean;
  readonly code?: number;
  readonly patch?: readonly JsonPatchOp[];
  readonly warnings?: readonly string[];
}

function decide(request: Readonly<Record<string, unknown>>, context: ReviewContext): Decision {
  if (!isPodCreation(request)) return { allowed: true, result: "skipped" };
  const name = textOf(request["namespace"]);
  const namespace = context.namespaceOf(name);
  if (namespace === undefined) {
    return withoutProtection(
      context,
      "failed",
      "Picket does not know this namespace yet; it is tried again in a moment",
    );
  }
  const pod = request["object"];
  // The API server asks about pods that ask, or whose namespace does, and about no others. What is known here of the
  // namespace may be older than that: a label that is not seen yet must not let a pod in unprotected.
  const labels = { ...namespace.labels, [injectLabel]: "enabled" };
  const result = inject(pod, { namespace: { ...namespace, labels }, settings: context.settings });
  switch (result.kind) {
    case "skipped":
      return { allowed: true, result: "skipped" };
    case "injected":
      return { allowed: true, result: "injected", patch: result.patch, warnings: result.warnings };
    case "refused":
      return withoutProtection(context, "refused", result.message, pod);
  }
}

function isPodCreation(request: Readonly<Record<string, unknown>>): boolean {
  const resource = recordOf(request["resource"]);
  return (
    request["operation"] === "CREATE" &&
    resource?.["group"] === "" &&
    resource["version"] === "v1" &&
    resource["resource"] === "pods" &&
    textOf(request["subResource"]) === ""
  );
}

/** A pod that asked for protection and gets none: refused, or marked and let in, as the install says. */
function withoutProtection(
  { settings }: ReviewContext,
  result: "refused" | "failed",
  message: string,
  pod?: unknown,
): Decision {
  if (settings.failurePolicy === "Fail") return refuse(403, result, message);
  return {
    allowed: true,
    result: result === "refused" ? "marked" : result,
    message,
    patch: markNotInjected(pod, message),
    warnings: [`picket: not injected: ${message}`],
  };
}

function refuse(code: number, result: "refused" | "failed", message: string): Decision {
  return { allowed: false, result, message, code };
}

/** The API server asks for at most this much of a warning. */
const warningCharactersMax = 250;

function answer(uid: string, { result, message, allowed, code, patch = [], warnings = [] }: Decision): Reviewed {
  const response: Record<string, Json> = { uid, allowed, auditAnnotations: { result } };
  if (!allowed) {
    response["status"] = {
      code: code ?? 403,
      reason: code === 403 ? "Forbidden" : "Invalid",
      message: `picket: ${message ?? "refused"}`.slice(0, messageCharactersMax),
    };
  }
  if (patch.length > 0) {
    response["patchType"] = "JSONPatch";
    response["patch"] = Buffer.from(JSON.stringify(patch)).toString("base64");
  }
  if (warnings.length > 0) response["warnings"] = warnings.map((text) => text.slice(0, warningCharactersMax));
  const body = Buffer.from(JSON.stringify({ apiVersion, kind: "AdmissionReview", response }));
  return { body, result, ...(message !== undefined && { message }) };
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return recordOf(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
