import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterStartMs, startCluster, type Cluster } from "../cluster.ts";
import { Unavailable } from "../rig/unavailable.ts";
import { ask } from "../stand/asker.ts";
import { Stand, type Proxy } from "../stand/stand.ts";

/** A policy that allows the given paths and nothing else. */
function policyFor(application: string, ...paths: readonly string[]): unknown {
  const rules = paths.map((path, index) => ({
    name: `rule-${index}`,
    match: [{ methods: ["GET"], path }],
    effect: "Allow",
  }));
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiPolicy",
    metadata: { name: application },
    spec: {
      targetRefs: [{ group: "apps", kind: "Deployment", name: application }],
      mode: "Enforce",
      access: { default: "Deny", rules },
    },
  };
}

describe("control-plane faults under traffic", function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let stand: Stand;
  let namespace: string;
  let proxy: Proxy;
  let serial = 0;

  before(async function () {
    this.timeout(2 * clusterStartMs);
    cluster = await startCluster({ node: false });
    try {
      stand = await Stand.start(cluster);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      process.stderr.write(`${error.message}\n`);
      this.skip();
    }
    await stand.startOperator(1);
    await stand.startScorer();
    namespace = await stand.namespace("bank");
    proxy = await stand.startProxy(namespace, "accounts");
    await cluster.apply([policyFor("accounts", "/open")], namespace);
    await stand.untilStatus(proxy, "/open", 200);
    await stand.untilStatus(proxy, "/closed", 403);
  });
  after(async function () {
    this.timeout(clusterStartMs);
    if (process.env.SHOW) console.log(stand?.output);
    await stand?.stop();
    await cluster?.stop();
  });

  /** A fault may not let in what is denied; when it leaves running traffic alone, what is allowed goes on too. */
  async function during(fault: () => Promise<void>, { flows }: { readonly flows: boolean }): Promise<void> {
    const asker = ask(stand, proxy);
    try {
      await fault();
    } finally {
      await asker.stop();
    }
    assert.ok((asker.closed.get(403) ?? 0) > 0);
    const letIn = [...asker.closed.keys()].filter((status) => status >= 200 && status < 400);
    assert.deepEqual(letIn, [], `let in: ${JSON.stringify([...asker.closed])}`);
    if (flows) assert.deepEqual([...asker.open.keys()], [200], JSON.stringify([...asker.open]));
  }

  /** A changed policy is in force some time after. */
  async function follows(): Promise<void> {
    const path = `/new-${serial++}`;
    await cluster.apply([policyFor("accounts", "/open", path)], namespace);
    await stand.untilStatus(proxy, path, 200);
  }

  it("L15, J30: the kinds are deleted with every policy in them: proxies keep what they have", async () => {
    await during(
      async () => {
        await cluster.kubectl(["delete", "crd", "apipolicies.picket.dev"]);
        await sleep(5_000);
      },
      { flows: true },
    );
    await stand.upgrade();
    await during(follows, { flows: true });
  });
});
