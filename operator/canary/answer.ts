/** What an answer to a canary shows. */
export type CanaryAnswer =
  /** The scorer refused it under the revision asked about: requests are judged. */
  | "proven"
  /** Picket or its proxy answered, but not by this revision: not there yet. */
  | "refused"
  /** Somebody else answered: the request got through. */
  | "leaked";

export const canaryHeader = "x-picket-canary";

/** Statuses with which Picket and its proxy refuse. Every such answer of theirs is a problem document. */
const refusals = new Set([400, 401, 403, 413, 415, 429, 431, 500, 503]);

/**
 * Reads an answer to the canary. Only the expected refusal is a proof; what Picket's proxy cannot have said itself
 * came from the application.
 */
export function readCanaryAnswer(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  revision: string,
): CanaryAnswer {
  const mark = headers[canaryHeader];
  if (status === 403 && mark === revision) return "proven";
  if (!refusals.has(status)) return "leaked";
  const isProblem = String(headers["content-type"] ?? "").startsWith("application/problem+json");
  const isMarked = mark !== undefined || headers["x-picket-decision"] !== undefined;
  // 503 without a document is what a proxy says whose upstream or configuration is missing.
  return isProblem || isMarked || status === 503 ? "refused" : "leaked";
}
