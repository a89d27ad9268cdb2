import assert from "node:assert/strict";
import { allow, deny, type Verdict } from "../../../core/verdict/verdict.ts";
import { labelValuesMax, Registry } from "../../../platform/metrics.ts";
import { createScorerMetrics } from "../../../sidecar/metrics.ts";
import type { Decision } from "../../../sidecar/report/decision-record.ts";
import { policiesCountedMax, Tally } from "../../../sidecar/report/tally.ts";

function decision(verdict: Verdict, changes: Partial<Decision> = {}): Decision {
  return {
    id: "d",
    number: 1,
    by: "scorer",
    timeMs: 0,
    workload: "bank/accounts",
    revision: "r1",
    mode: "enforce",
    method: "GET",
    judgement: { verdict, shadow: undefined },
    principalKind: "anonymous",
    principal: "",
    durationMs: 0.02,
    view: undefined,
    responseStatus: 0,
    ...changes,
  };
}

describe("Tally", () => {
  let registry: Registry;
  let tally: Tally;
  beforeEach(() => {
    registry = new Registry();
    tally = new Tally(createScorerMetrics(registry));
  });
  const exposed = async (): Promise<string> => {
    tally.flush((reason) => (reason === "rule-allowed" ? "allow" : "deny"));
    return registry.metrics();
  };

  it("counts decisions by policy, mode, verdict and reason, once, whenever somebody looks", async () => {
    const policy = "bank/accounts";
    tally.add(decision(allow("rule-allowed", { policy })));
    tally.add(decision(deny("no-rule-matched", { policy })));
    await exposed();
    tally.add(decision(deny("no-rule-matched", { policy })));
    const text = await exposed();
    const labels = 'policy_namespace="bank",policy="accounts",mode="enforce"';
    assert.ok(text.includes(`picket_decisions_total{${labels},verdict="allow"} 1\n`), text);
    assert.ok(text.includes(`picket_decisions_total{${labels},verdict="deny"} 2\n`), text);
    assert.ok(text.includes('picket_decision_reasons_total{reason="no-rule-matched",verdict="deny"} 2\n'), text);
    assert.match(text, /^picket_decision_duration_seconds_count 3$/m);
  });

  it("counts what Shadow would have refused beside what it did, and the milder section beside the verdict", async () => {
    const policy = "bank/accounts";
    const refused = deny("no-rule-matched", { policy });
    tally.add(decision(refused, { mode: "shadow" }));
    tally.add(decision(allow("rule-allowed", { policy }), { mode: "shadow" }));
    tally.add(
      decision(allow("rule-allowed", { policy }), {
        judgement: { verdict: allow("rule-allowed", { policy }), shadow: refused },
      }),
    );
    const text = await exposed();
    assert.match(text, /^picket_shadow_verdicts_total\{.*verdict="deny"\} 2$/m);
  });

  it("sums a bounded number of policies apart, all of them in the end", async () => {
    const count = policiesCountedMax + 500;
    for (let i = 0; i < count; i++) tally.add(decision(deny("no-rule-matched", { policy: `ns/p${i}` })));
    assert.equal(tally.policies, policiesCountedMax + 1, "one more for _other");
    const series = (await exposed()).split("\n").filter((line) => line.startsWith("picket_decisions_total{"));
    assert.ok(series.length <= labelValuesMax + 1, `${series.length} series`);
    const sum = series.reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
    assert.equal(sum, count);
  });
});
