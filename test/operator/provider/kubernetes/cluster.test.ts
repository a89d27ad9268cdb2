import assert from "node:assert/strict";
import fc from "fast-check";
import { printId } from "../../../../core/policy/policy.ts";
import {
  clusterOf,
  groupOf,
  workloadsPerNamespaceMax,
  type ClusterFacts,
} from "../../../../operator/provider/kubernetes/cluster.ts";
import { deployment, pod } from "./objects.ts";

function facts(part: Partial<ClusterFacts>): ClusterFacts {
  return { pods: [], controllers: [], services: [], namespaces: new Set(["bank"]), ...part };
}

const names = (part: Partial<ClusterFacts>): readonly string[] =>
  clusterOf(facts(part)).workloads.map(({ id }) => printId(id));

describe("what runs in a cluster", () => {
  it("is one workload for each port of each controller", () => {
    const controllers = [deployment("accounts", [{ containerPort: 8080 }, { containerPort: 9090 }])];
    assert.deepEqual(names({ controllers }), ["bank/accounts:8080", "bank/accounts:9090"]);
  });

  it("names by kind what is no Deployment, so that no two controllers meet in one name", () => {
    const pods = [
      pod({ name: "ledger-0", owner: { kind: "StatefulSet", name: "ledger" } }),
      pod({ name: "ledger-5d9c-a", owner: { kind: "ReplicaSet", name: "ledger-5d9c" } }),
    ];
    assert.deepEqual(names({ pods }), ["bank/ledger:8080", "bank/statefulset/ledger:8080"]);
  });

  it("listens for Port mode beside the application's port, and passes on over loopback", () => {
    const controllers = [deployment("a", [{ containerPort: 8080 }, { containerPort: 50_000 }])];
    assert.deepEqual(
      clusterOf(facts({ controllers })).workloads.map(({ listen, upstream }) => [listen.port, upstream]),
      [
        [30_000, { host: "127.0.0.1", port: 50_000 }],
        [28_080, { host: "127.0.0.1", port: 8080 }],
      ],
    );
  });

  it("leaves out namespaces that nobody wants protected, and pods that are over", () => {
    assert.deepEqual(names({ controllers: [deployment("a", [{ containerPort: 1 }], "other")] }), []);
    assert.deepEqual(names({ pods: [pod({ status: { phase: "Succeeded" } })] }), []);
  });

  it("knows the Services that select the pods, in their namespace only", () => {
    const controllers = [deployment("accounts", [{ containerPort: 8080 }])];
    const services = [
      { namespace: "bank", name: "front", selector: { app: "accounts" } },
      { namespace: "bank", name: "nothing", selector: {} },
      { namespace: "bank", name: "more", selector: { app: "accounts", tier: "x" } },
      { namespace: "shop", name: "foreign", selector: { app: "accounts" } },
    ];
    assert.deepEqual(clusterOf(facts({ controllers, services })).workloads[0]?.cluster?.services, ["front"]);
  });

  it("puts pods of one shape into one group, whatever their names and addresses", () => {
    const one = pod({ name: "accounts-5d9c-a" });
    const other = pod({ name: "accounts-5d9c-b", status: { podIP: "10.0.0.8" } });
    const newer = pod({ name: "accounts-77aa-c", ports: [{ containerPort: 8081 }] });
    assert.equal(groupOf(one), groupOf(other));
    assert.notEqual(groupOf(one), groupOf(newer));
    const { groups } = clusterOf(facts({ pods: [one, other, newer] }));
    assert.deepEqual(
      groups.flatMap(({ workloads }) => workloads).toSorted((a, b) => a.localeCompare(b)),
      ["bank/accounts:8080", "bank/accounts:8081"],
    );
  });

  it("is bounded for one namespace, and what runs comes before what does not", () => {
    const controllers = Array.from({ length: workloadsPerNamespaceMax + 5 }, (_, i) =>
      deployment(`a${i}`, [{ containerPort: 1 }]),
    );
    const pods = [pod({ name: "zz-5d9c-a", owner: { kind: "ReplicaSet", name: "zz-5d9c" } })];
    const found = names({ controllers: [...controllers, deployment("other", [{ containerPort: 1 }], "shop")], pods });
    assert.equal(found.length, workloadsPerNamespaceMax);
    assert.ok(found.includes("bank/zz:8080"));
    const both = clusterOf(
      facts({
        controllers: [...controllers, deployment("o", [{ containerPort: 1 }], "shop")],
        namespaces: new Set(["bank", "shop"]),
      }),
    );
    assert.equal(both.workloads.filter(({ id }) => id.namespace === "shop").length, 1);
  });

  it("is the same whatever the order in which it became known", () => {
    const pods = [
      pod({ name: "a-1" }),
      pod({ name: "a-2", annotations: { "picket.dev/capture": "Port" } }),
      pod({ name: "b-1", owner: { kind: "Job", name: "b" }, ports: [{ containerPort: 1 }, { containerPort: 2 }] }),
      pod({ name: "c-1", namespace: "shop", labels: { app: "c" } }),
    ];
    const controllers = [deployment("accounts", [{ containerPort: 8080 }]), deployment("z", [{ containerPort: 1 }])];
    const namespaces = new Set(["bank", "shop"]);
    const expected = JSON.stringify(clusterOf(facts({ pods, controllers, namespaces })));
    fc.assert(
      fc.property(
        fc.shuffledSubarray(pods, { minLength: pods.length }),
        fc.shuffledSubarray(controllers, { minLength: 2 }),
        (shuffled, others) => {
          const cluster = clusterOf(facts({ pods: shuffled, controllers: others, namespaces }));
          assert.equal(JSON.stringify(cluster), expected);
        },
      ),
    );
  });
});
