import type { Outcome } from "./exchange.ts";

/** One refused request, to be explained. */
export interface Refusal {
  readonly attack: string;
  readonly what: string;
  readonly request: string;
  readonly status: number;
  readonly decision: string;
}

/** What the problem details (RFC 9457) of a refusal say. */
interface Problem {
  readonly decision?: unknown;
  readonly reason?: unknown;
}

/** The decision id of a refusal: in the header `x-picket-decision`, or in the problem details. */
export function decodeDecision(outcome: Outcome): string | undefined {
  const id = outcome.headers.get("x-picket-decision") ?? readProblem(outcome).decision;
  // It becomes an argument of a command, so it may not look like an option.
  return typeof id === "string" && /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id) ? id : undefined;
}

/** Why a request was refused, as its caller was told; the proxy itself gives only a status. */
export function decodeReason(outcome: Outcome): string {
  if (outcome.status === 0) return "no answer";
  const { reason } = readProblem(outcome);
  return typeof reason === "string" && /^[a-z][a-z-]{0,63}$/.test(reason) ? reason : `${outcome.status} by the proxy`;
}

function readProblem({ text }: Outcome): Problem {
  try {
    return (JSON.parse(text) ?? {}) as Problem;
  } catch {
    return {};
  }
}
