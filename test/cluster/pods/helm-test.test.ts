import assert from "node:assert/strict";
import type { Cluster } from "../cluster.ts";
import { clusterWithPicket, installMs, installNamespace } from "./product.ts";

describe("helm test", function () {
  this.timeout(180_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(installMs);
    cluster = await clusterWithPicket();
  });

  it("asks the webhook, lets a scorer judge, reads the metrics, and leaves nothing", async () => {
    const said = await cluster.helm(["test", "picket", "--namespace", installNamespace, "--timeout", "120s"]);
    for (const name of ["webhook", "scorer", "metrics"]) {
      assert.match(said, new RegExp(`TEST SUITE: +picket-test-${name}\\n(?:.*\\n){0,3}?Phase: +Succeeded`));
    }
    const selector = "--selector=app.kubernetes.io/component=test";
    const left = await cluster.kubectl([
      "get",
      "pods,configmaps",
      "--namespace",
      installNamespace,
      selector,
      "-o=name",
    ]);
    assert.equal(left, "");
  });
});
