import type { Guards } from "../policy/policy.ts";
import type { DenyReason } from "../verdict/reason.ts";
import { parseContentType } from "./content-type.ts";
import { jsonLimits, scanJson } from "./json.ts";

/** A request body as it is known: whole, or not at all. */
export interface BodyView {
  /** Undefined when none was sent along. */
  readonly bytes: Uint8Array | undefined;
  /** Full size as the proxy knows it, 0 when unknown. */
  readonly size: number;
  /** Value of `content-type`; undefined when absent. */
  readonly contentType: string | undefined;
}

export interface BodyProblem {
  readonly reason: DenyReason;
  readonly detail?: string;
}

/**
 * Judges the body where the policy governs it; undefined when it may pass. The proxy sends whole bodies or none (a
 * larger one it refuses itself), so a body that is not all there was cut on the way: refused, never judged in part.
 */
export function judgeBody({ bytes, size, contentType }: BodyView, guards: Guards): BodyProblem | undefined {
  const length = Math.max(size, bytes?.length ?? 0);
  if (guards.maxBodyBytes !== undefined && length > guards.maxBodyBytes) return { reason: "body-too-large" };
  if (guards.maxJsonDepth === undefined) return undefined;
  if (bytes === undefined || bytes.length === 0) {
    return size > 0 ? { reason: "body-ambiguous", detail: "body-not-sent" } : undefined;
  }
  if (size > bytes.length) return { reason: "body-ambiguous", detail: "body-cut" };
  const type = contentType === undefined ? undefined : parseContentType(contentType);
  // A body without a type, or with one that can be read in two ways, could be JSON for the application.
  if (type === undefined) return { reason: "content-type-unsupported", detail: "missing" };
  if (typeof type === "string") return { reason: "content-type-unsupported", detail: type };
  // Many applications read JSON whatever the type says, so what is not judged as JSON does not pass beside it.
  if (!type.isJson) return { reason: "content-type-unsupported", detail: "not-json" };
  const detail = scanJson(bytes, { ...jsonLimits, depthMax: guards.maxJsonDepth });
  return detail === undefined ? undefined : { reason: "body-ambiguous", detail };
}
