import assert from "node:assert/strict";
import { clusterOf, groupOf } from "../../../operator/provider/kubernetes/cluster.ts";
import type { SourceSnapshot } from "../../../operator/provider/provider.ts";
import { readJson } from "../../../operator/provider/read.ts";
import { emptyMemory, type Memory } from "../../../operator/reconcile/accepted.ts";
import { makePlan, scorerGroup, type Plan } from "../../../operator/reconcile/plan.ts";
import { confirmMs, Publisher } from "../../../operator/reconcile/publisher.ts";
import { settle } from "../../../operator/reconcile/settle.ts";
import type { Resource } from "../../../operator/translate/resource.ts";
import { listenerType, routeType } from "../../../operator/xds/type-urls.ts";
import { silentLog } from "../../contract/ads-range.ts";
import { deployment, pod } from "../provider/kubernetes/objects.ts";
import { translator } from "./source.ts";

const port = (number: number): object => ({ containerPort: number });
const one = pod({ name: "accounts-5d9c-a", ports: [port(8080), port(9090)] });
const inPortMode = pod({ name: "accounts-5d9c-b", ports: [port(8080)], annotations: { "picket.dev/capture": "Port" } });
const other = pod({
  name: "login-77aa-c",
  labels: { app: "login" },
  owner: { kind: "ReplicaSet", name: "login-5d9c" },
});

function policyFor(name: string, more: object = {}, kind = "Deployment"): object {
  return {
    apiVersion: "picket.dev/v1alpha1",
    kind: "ApiPolicy",
    metadata: { name, namespace: "bank" },
    spec: {
      targetRefs: [{ group: kind === "Service" ? "" : "apps", kind, name }],
      mode: "Enforce",
      access: {
        default: "Deny",
        rules: [{ name: "all", match: [{ methods: ["GET"], path: "/x" }], effect: "Allow" }],
      },
      ...more,
    },
  };
}

function snapshotOf(objects: readonly object[], pods = [one, inPortMode, other]): SourceSnapshot {
  const cluster = clusterOf({
    pods,
    controllers: [deployment("accounts", [port(8080), port(9090)]), deployment("login", [port(8080)])],
    services: [{ namespace: "bank", name: "front", selector: { app: "login" } }],
    namespaces: new Set(["bank"]),
  });
  return { texts: objects.map((object, index) => readJson(JSON.stringify(object), `object ${index}`)), cluster };
}

function planOf(snapshot: SourceSnapshot, memory: Memory = emptyMemory): Plan {
  const settled = settle(snapshot, memory, readJson, 0);
  return makePlan({ settled, opened: memory.opened, leaking: new Map(), nowMs: 0, translator });
}

function named(resources: readonly Resource[], typeUrl: string): readonly string[] {
  return resources.flatMap((resource) => (resource.typeUrl === typeUrl ? [resource.name] : [])).toSorted();
}

describe("groups of proxies", () => {
  const plan = planOf(snapshotOf([policyFor("accounts")]));

  it("serve each pod what its own ports need and nothing of other workloads", () => {
    const [redirected, ported, login] = [one, inPortMode, other].map((facts) => plan.groups.get(groupOf(facts)!)!);
    assert.deepEqual(named(redirected!, routeType), ["in|bank/accounts:8080", "in|bank/accounts:9090"]);
    assert.deepEqual(named(redirected!, listenerType), ["in|captured"]);
    assert.deepEqual(named(ported!, listenerType), ["in|bank/accounts:8080"]);
    assert.deepEqual(named(login!, routeType), ["in|bank/login:8080"]);
    for (const { bytes } of login!) assert.ok(!Buffer.from(bytes).includes("bank/accounts"));
  });

  it("judge by the kind that a policy names: a Service is not the Deployment of that name", () => {
    const modes = (made: Plan): readonly string[] =>
      made.workloads.map(({ name, effective }) => `${name} ${effective.mode}`);
    assert.deepEqual(modes(plan), [
      "bank/accounts:8080 enforce",
      "bank/accounts:9090 enforce",
      "bank/login:8080 observe",
    ]);
    const byService = planOf(snapshotOf([policyFor("front", {}, "Service"), policyFor("login", {}, "Service")]));
    assert.deepEqual(modes(byService), [
      "bank/accounts:8080 observe",
      "bank/accounts:9090 observe",
      "bank/login:8080 enforce",
    ]);
  });

  it("judge one port where a policy names one", () => {
    const made = planOf(snapshotOf([policyFor("accounts", { ports: [{ port: 9090 }] })]));
    assert.deepEqual(
      made.workloads.map(({ effective }) => effective.mode),
      ["observe", "enforce", "observe"],
    );
  });

  it("keep their configuration when a policy of others changes", () => {
    const changed = planOf(snapshotOf([policyFor("accounts", { guards: { maxBodyBytes: 5 } })]));
    const versions = (made: Plan, group: string): readonly string[] =>
      made.groups.get(group)!.map(({ version }) => version);
    assert.deepEqual(versions(changed, groupOf(other)!), versions(plan, groupOf(other)!));
    assert.notDeepEqual(versions(changed, groupOf(one)!), versions(plan, groupOf(one)!));
  });

  it("place a workload in every group that serves it, with everything that must run there", () => {
    const accounts = plan.workloads.find(({ name }) => name === "bank/accounts:8080")!;
    assert.deepEqual(
      new Set(accounts.placements.map(({ group }) => group)),
      new Set([groupOf(one), groupOf(inPortMode)]),
    );
    for (const { group, resources } of accounts.placements) {
      const served = new Set(plan.groups.get(group));
      for (const resource of resources) assert.ok(served.has(resource));
      assert.equal(named(resources, listenerType).length, 1);
    }
  });

  it("hold nobody to a policy that was deleted, even where one of its name stands elsewhere", () => {
    const first = settle(snapshotOf([policyFor("accounts")]), emptyMemory, readJson, 0);
    const moved = { ...policyFor("nobody"), metadata: { name: "accounts", namespace: "shop" } };
    const settled = settle(snapshotOf([moved]), { accepted: first.accepted, opened: new Set() }, readJson, 1);
    assert.deepEqual(
      settled.objects.map(({ id }) => id.namespace),
      ["shop"],
    );
  });
});

describe("publisher", () => {
  let served: Map<string, readonly { readonly name: string }[]>;
  let connected: Set<string>;
  let publisher: Publisher;

  beforeEach(() => {
    served = new Map();
    connected = new Set();
    publisher = new Publisher(
      {
        publish: (group, resources) => void served.set(group, resources),
        published: () => [...served.keys()],
        retire: (group) => !connected.has(group) && served.delete(group),
      },
      silentLog,
    );
  });

  const group = groupOf(one)!;
  const whole = planOf(snapshotOf([policyFor("accounts")]));
  const emptied: Plan = { ...whole, groups: new Map([...whole.groups, [group, []]]) };

  it("publishes what differs only, scorers first", () => {
    const order: string[] = [];
    const watching = new Publisher(
      { publish: (name) => void order.push(name), published: () => [], retire: () => true },
      silentLog,
    );
    assert.equal(watching.publish(whole, 0).changed, true);
    assert.equal(order[0], scorerGroup);
    assert.equal(order.length, 1 + whole.groups.size);
    assert.deepEqual(watching.publish(planOf(snapshotOf([policyFor("accounts")])), 1), {
      changed: false,
      nextMs: undefined,
    });
    assert.equal(order.length, 1 + whole.groups.size);
  });

  it("holds back what would take most ports away, until it was wanted for a while", () => {
    publisher.publish(whole, 0);
    const before = served.get(group);
    assert.deepEqual(publisher.publish(emptied, 1_000), { changed: false, nextMs: 1_000 + confirmMs });
    assert.equal(served.get(group), before);
    assert.equal(publisher.publish(emptied, 1_000 + confirmMs - 1).changed, false);
    assert.equal(publisher.publish(emptied, 1_000 + confirmMs).changed, true);
    assert.deepEqual(served.get(group), []);
  });

  it("forgets a loss that was taken back", () => {
    publisher.publish(whole, 0);
    publisher.publish(emptied, 1_000);
    assert.deepEqual(publisher.publish(whole, 2_000), { changed: false, nextMs: undefined });
    assert.equal(publisher.publish(emptied, 1_000 + confirmMs).changed, false);
  });

  it("keeps a group that vanished as long as somebody is connected", () => {
    publisher.publish(whole, 0);
    connected.add(group);
    publisher.publish({ ...whole, groups: new Map() }, 1);
    assert.deepEqual([...served.keys()].toSorted(), [group, scorerGroup].toSorted());
    connected.clear();
    publisher.publish({ ...whole, groups: new Map() }, 2);
    assert.deepEqual([...served.keys()], [scorerGroup]);
  });
});
