import type { ObjectProblem } from "../../core/policy/problem.ts";

/** What people are told while the operator runs; `picket run -o json` prints one a line. */
export type OperatorEvent =
  /** Proxies and scorers can connect. */
  | { readonly event: "started" }
  | { readonly event: "problem"; readonly problem: ObjectProblem }
  | { readonly event: "problems-solved" }
  | { readonly event: "source-unreadable"; readonly message: string }
  | { readonly event: "applied"; readonly workload: string; readonly revision: string; readonly mode: string }
  /** A workload is judged less strictly than before. */
  | { readonly event: "loosened"; readonly workload: string; readonly mode: string; readonly message: string }
  /** No policy speaks about a workload. */
  | { readonly event: "unprotected"; readonly workload: string; readonly message: string }
  | { readonly event: "closed"; readonly workload: string; readonly reason: string; readonly message: string }
  | { readonly event: "removed"; readonly workload: string }
  /** `isEmpty`: there is neither a policy nor a workload. */
  | { readonly event: "ready"; readonly isEmpty: boolean }
  | { readonly event: "not-ready"; readonly reason: string };

/** Events about problems in one go; more are counted by the metric and shown by `picket status`. */
export const problemEventsMax = 100;
