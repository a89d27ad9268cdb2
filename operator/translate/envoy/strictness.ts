import type { Mode } from "../../../core/policy/policy.ts";

/**
 * How much a listener refuses by itself. `strict`: what two honest parsers could read differently is refused.
 * `lenient`: nothing that the application would have served is refused; for Observe and Shadow.
 */
export type Strictness = "strict" | "lenient";

export function strictnessOf(mode: Mode): Strictness {
  return mode === "enforce" ? "strict" : "lenient";
}
