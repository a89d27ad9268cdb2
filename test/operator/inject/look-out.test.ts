import assert from "node:assert/strict";
import { LookOut } from "../../../operator/inject/look-out.ts";
import { createInjectionMetrics } from "../../../operator/inject/metrics.ts";
import type { NamespaceFacts } from "../../../operator/inject/settings.ts";
import type { PodState } from "../../../operator/inject/unprotected.ts";
import { Registry } from "../../../platform/metrics.ts";

type Pod = PodState & { readonly uid: string };

const namespaces = new Map<string, NamespaceFacts>([
  ["bank", { name: "bank", labels: { "picket.dev/inject": "enabled" }, annotations: {} }],
]);
const pod = (name: string, fields: Partial<Pod> = {}): Pod => ({
  namespace: "bank",
  name,
  uid: `uid of ${name}`,
  labels: {},
  annotations: {},
  hasSidecar: false,
  isOver: false,
  isTerminating: false,
  ...fields,
});

describe("LookOut", () => {
  let isLeader = true;
  let told: string[] = [];
  let registry: Registry;
  let lookOut: LookOut<Pod>;
  beforeEach(() => {
    isLeader = true;
    told = [];
    registry = new Registry();
    lookOut = new LookOut<Pod>({
      ownNamespace: "picket-system",
      isGoverned: () => false,
      isLeader: () => isLeader,
      events: {
        emit: ({ namespace, name, uid }, type, reason, note) =>
          told.push(`${namespace}/${name} (${uid}) ${type} ${reason}: ${note.slice(0, 20)}`),
      },
      metrics: createInjectionMetrics(registry),
    });
  });

  const look = (...pods: readonly Pod[]): void =>
    lookOut.look(new Map(pods.map((one) => [`${one.namespace}/${one.name}`, one])), namespaces);
  const count = async (reason: string): Promise<number | undefined> => {
    const { values } = await registry.getSingleMetric("picket_unprotected_pods")!.get();
    return values.find(({ labels }) => labels["reason"] === reason)?.value;
  };

  it("counts unprotected pods by reason, and none again when they are gone", async () => {
    look(pod("a"), pod("b", { annotations: { "picket.dev/not-injected": "why" } }), pod("c", { hasSidecar: true }));
    assert.deepEqual([await count("missed"), await count("refused"), await count("no-sidecar")], [1, 1, 0]);
    assert.deepEqual(
      lookOut.found.map(({ name }) => name),
      ["a", "b"],
    );
    look();
    assert.deepEqual([await count("missed"), await count("refused")], [0, 0]);
    assert.deepEqual(lookOut.found, []);
  });

  it("tells of each pod once, and again of another one of its name", () => {
    look(pod("a"));
    look(pod("a"));
    assert.deepEqual(told, ["bank/a (uid of a) Warning Unprotected: it was created while"]);
    look();
    look(pod("a", { uid: "another" }));
    assert.equal(told.length, 2);
  });

  it("tells of nothing while another replica leads, and of everything once this one does", () => {
    isLeader = false;
    look(pod("a"));
    assert.deepEqual(told, []);
    isLeader = true;
    look(pod("a"));
    assert.equal(told.length, 1);
  });
});
