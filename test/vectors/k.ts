import { at, row, type ClusterVector } from "./vector.ts";

/** Group K, where it concerns the control plane, and what the tests of failure show of the rest. */
export const groupK: readonly ClusterVector[] = [
  row("K01", "scorers are killed, one of two and all of them", "what is enforced is refused, and comes back", [
    [at.failure, "killed: refuses with 503 and recovers"],
    [at.lifecycle, "one of two scorers is killed under load: nothing denied gets through, and all is well again"],
    [at.lifecycle, "all scorers are killed: an enforced workload refuses everything, and serves again with them"],
  ]),
  row("K02", "a scorer is frozen", "503 after the policy's time; late answers count for nothing", [
    [at.failure, "stopped: refuses with 503 after the policy's timeout and recovers"],
  ]),
  row("K04", "the scorer's socket is gone", "503 until it is back", [
    [at.failure, "socket missing: refuses with 503 and recovers"],
  ]),
  row("K07", "a scorer answers garbage", "never an allow", [
    [at.failure, "lets nothing hostile through"],
    ["test/sidecar/check/check-response.test.ts", "has no non-empty prefix of a refusal that decodes as an allow"],
  ]),
  row(
    "K17",
    "two scorers have different generations",
    "seen in the status until both have the same",
    [
      ["test/operator/status/status-store.test.ts", "is Programmed only when all proxies and scorers run it"],
      ["test/operator/xds/client-report.test.ts", "counts as current only who runs everything of the group"],
    ],
    "no alarm counts seconds of difference; the alert on policies that are not Programmed does",
  ),
  row("K18", "the clock jumps", "nothing opens, and leases and keys keep their time", [
    [at.lease, "does not look at the clocks of others"],
    [at.lease, "never has two leaders, whatever links and clocks do"],
    ["test/operator/reconcile/plan.test.ts", "does not take keys for young because the clock was set back"],
    ["test/core/limits/steady-time.test.ts", "goes on at once when the clock was set back further than the tolerance"],
    ["test/sidecar/check/handler.test.ts", "never allows what a broken clock or policy store throws at it"],
  ]),
  row(
    "K21",
    "everything is killed at once",
    "a proxy that comes back alone lets nobody in",
    [[at.faults, "K21: everything is killed at once: a proxy that comes back alone lets nobody in"]],
    "a proxy keeps nothing on disk: it is not ready until the operator is there",
  ),
  row("K24", "nobody scores what is only watched", "traffic is untouched, and the loss is counted", [
    [at.failure, "requests pass while the scorer is away"],
    ["test/sidecar/metrics.test.ts", "tell which requests the failure mode decided"],
  ]),
];
