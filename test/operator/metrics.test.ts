import assert from "node:assert/strict";
import { createOperatorMetrics } from "../../operator/metrics.ts";
import { Registry } from "../../platform/metrics.ts";
import { promtool, runPromtool } from "../promtool.ts";

describe("metrics of the operator", () => {
  it("are named as Prometheus' own checker wants it, and say which version they are of", async function () {
    const registry = new Registry();
    createOperatorMetrics(registry);
    const text = await registry.metrics();
    assert.match(text, /^picket_build_info\{component="operator",version="\d+\.\d+\.\d+.*"\} 1$/m);
    const tool = promtool();
    if (tool === undefined) return this.skip();
    const { ok, output } = runPromtool(tool, ["check", "metrics"], { input: text });
    assert.ok(ok, output);
    assert.equal(output, "");
  });
});
