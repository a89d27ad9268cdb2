/** Who decides what about one operation, and why (architecture, decision 1). */
export interface CallPlan {
  /** `GET /v1/accounts/{accountId}`, `* /admin/**`, or `everything else`. */
  readonly operation: string;
  /** What the proxy decides without leaving its process. */
  readonly proxy: readonly string[];
  /** Clauses that need the scorer. Empty: it is not asked. */
  readonly scorer: readonly string[];
  /** What happens when the scorer cannot answer. Undefined where it is not asked. */
  readonly failMode?: "closed" | "open" | undefined;
}
