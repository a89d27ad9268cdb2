import type { Outcome } from "./exchange.ts";

/** One refused request, to be explained. */
export interface Refusal {
  readonly attack: string;
  readonly what: string;
  readonly request: string;
  readonly status: number;
  readonly decision: string;
}

/** The decision id of a refusal: in the header `x-picket-decision`, or in the problem details (RFC 9457). */
export function decodeDecision(outcome: Outcome): string | undefined {
  const header = outcome.headers.get("x-picket-decision");
  if (header !== undefined && isDecisionId(header)) return header;
  try {
    const { decision } = JSON.parse(outcome.text) as { readonly decision?: unknown };
    return typeof decision === "string" && isDecisionId(decision) ? decision : undefined;
  } catch {
    return undefined;
  }
}

/** It becomes an argument of a command: letters, digits and dashes only. */
function isDecisionId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(text);
}
