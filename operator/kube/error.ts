/** What went wrong with a request to the API server. */
export type KubeErrorCode =
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "gone"
  | "invalid"
  | "throttled"
  | "unavailable"
  | "timeout"
  | "malformed"
  | "other";

interface Facts {
  readonly code: KubeErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The reason of the API server's Status (`AlreadyExists`, `Expired`), or one of ours (`HalfLine`, `Aborted`). */
  readonly reason: string;
  readonly message: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Every failure of the client layer. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly code: KubeErrorCode;
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs?: number;

  constructor(facts: Facts) {
    super(facts.message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status;
    this.reason = facts.reason;
    if (facts.retryAfterMs !== undefined) this.retryAfterMs = facts.retryAfterMs;
  }
}

/** Longest text of the API server that is repeated in a message. */
const serverTextMax = 400;

/** Longest that a Retry-After is believed. */
const retryAfterMsMax = 60_000;

/** What a Status object tells, as an HTTP body or as an ERROR event of a watch. `what` names the request. */
export function statusError(what: string, status: number, body: unknown, retryAfter?: string): KubeError {
  const fields = typeof body === "object" && body !== null ? body : {};
  const reason = "reason" in fields && typeof fields.reason === "string" ? fields.reason.slice(0, 64) : "";
  const text = "message" in fields && typeof fields.message === "string" ? fields.message.slice(0, serverTextMax) : "";
  const details = "details" in fields && typeof fields.details === "object" ? fields.details : undefined;
  const inDetails =
    details && "retryAfterSeconds" in details && typeof details.retryAfterSeconds === "number"
      ? details.retryAfterSeconds * 1000
      : undefined;
  const retryAfterMs = retryAfterOf(retryAfter) ?? (inDetails ? Math.min(inDetails, retryAfterMsMax) : undefined);
  return new KubeError({
    code: codeOf(status, reason),
    status,
    reason,
    message: [`${what}: ${status}`, reason, text].filter((part) => part !== "").join(" "),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Anything thrown, as ours. */
export function toKubeError(error: unknown, what: string): KubeError {
  if (error instanceof KubeError) return error;
  const reason = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const text = error instanceof Error ? error.message : "";
  return new KubeError({
    code: "unavailable",
    status: 0,
    reason,
    message: `${what}: ${text.slice(0, serverTextMax)}`,
    cause: error,
  });
}

/** Seconds only: the API server never sends a date. */
function retryAfterOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header)
    ? Math.min(Number(header) * 1000, retryAfterMsMax)
    : undefined;
}

function codeOf(status: number, reason: string): KubeErrorCode {
  if (reason === "Expired" || reason === "Gone") return "gone";
  switch (status) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
      return "invalid";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 409:
      return "conflict";
    case 410:
      return "gone";
    case 429:
      return "throttled";
    default:
      return status >= 500 ? "unavailable" : "other";
  }
}
