import assert from "node:assert/strict";
import { refusals } from "../../../operator/inject/refusal.ts";
import type { NamespaceFacts } from "../../../operator/inject/settings.ts";
import {
  unprotectedPods,
  unprotectedPodsMax,
  unprotectedReasons,
  type PodState,
} from "../../../operator/inject/unprotected.ts";

const namespaces = new Map<string, NamespaceFacts>(
  [
    { name: "bank", labels: { "picket.dev/inject": "enabled" }, annotations: {} },
    { name: "shop", labels: {}, annotations: {} },
    { name: "picket-system", labels: { "picket.dev/inject": "enabled" }, annotations: {} },
    { name: "kube-system", labels: { "picket.dev/inject": "enabled" }, annotations: {} },
  ].map((namespace) => [namespace.name, namespace]),
);

const pod = (name: string, fields: Partial<PodState> = {}): PodState => ({
  namespace: "bank",
  name,
  labels: {},
  annotations: {},
  hasSidecar: false,
  isOver: false,
  isTerminating: false,
  ...fields,
});
const injected = { "picket.dev/injected": "true" };
const label = (value: string): Readonly<Record<string, string>> => ({ "picket.dev/inject": value });

function look(pods: readonly PodState[], governed: readonly string[] = []) {
  return unprotectedPods(pods, {
    namespaces,
    ownNamespace: "picket-system",
    isGoverned: ({ name }) => governed.includes(name),
  });
}

describe("unprotectedPods", () => {
  // Vector I12: whoever has no sidecar where there should be one is listed, however that came.
  const rows: readonly (readonly [what: string, pod: PodState, reason: string | undefined])[] = [
    ["an injected pod", pod("a", { labels: injected, hasSidecar: true }), undefined],
    ["a pod of a namespace that does not ask", pod("a", { namespace: "shop" }), undefined],
    ["a pod of a namespace that nobody knows", pod("a", { namespace: "gone" }), undefined],
    ["a bare pod, or one from before injection", pod("a"), "missed"],
    [
      "a pod that asks itself, created while the injector was down",
      pod("a", { namespace: "shop", labels: label("true") }),
      "missed",
    ],
    ["a pod that could not be injected", pod("a", { annotations: { "picket.dev/not-injected": "why" } }), "refused"],
    ["a pod that opted out", pod("a", { labels: label("false") }), undefined],
    ["a pod that opted out of a policy", pod("governed", { labels: label("false") }), "opted-out"],
    ["a pod with a policy whose namespace lost its label", pod("governed", { namespace: "shop" }), "not-asked"],
    ["a pod that only says that it was injected", pod("a", { labels: injected }), "no-sidecar"],
    ["the same elsewhere", pod("a", { namespace: "shop", labels: injected }), "no-sidecar"],
    ["a pod that has ended", pod("a", { isOver: true }), undefined],
    ["a pod that is ending", pod("a", { isTerminating: true }), undefined],
    ["a pod of Picket itself", pod("governed", { namespace: "picket-system" }), undefined],
    ["a pod of the system", pod("governed", { namespace: "kube-system", labels: label("true") }), undefined],
  ];
  for (const [what, state, reason] of rows) {
    it(`${reason === undefined ? "leaves out" : `lists as ${reason}`}: ${what}`, () => {
      const { pods, counts } = look([state], ["governed"]);
      assert.deepEqual(
        pods.map((one) => one.reason),
        reason === undefined ? [] : [reason],
      );
      assert.equal(
        Object.values(counts).reduce((sum, count) => sum + count, 0),
        pods.length,
      );
      for (const { message } of pods) assert.notEqual(message, "");
    });
  }

  it("repeats why a pod was refused, cut to a bound", () => {
    const told = (text: string) =>
      look([pod("a", { annotations: { "picket.dev/not-injected": text } })]).pods[0]?.message;
    assert.equal(told(refusals["host-network"]), refusals["host-network"]);
    assert.equal(told("x".repeat(10_000))?.length, 500);
  });

  it("counts every reason, 0 included, and names a bounded number in order", () => {
    const many = Array.from({ length: unprotectedPodsMax + 10 }, (_, index) => pod(`p${9999 - index}`));
    const { counts, pods } = look(many);
    assert.deepEqual(Object.keys(counts).sort(), Object.keys(unprotectedReasons).sort());
    assert.equal(counts.missed, many.length);
    assert.equal(pods.length, unprotectedPodsMax);
    assert.deepEqual(
      pods.map(({ name }) => name),
      pods.map(({ name }) => name).toSorted(),
    );
    assert.deepEqual(look([]).counts, { refused: 0, missed: 0, "opted-out": 0, "not-asked": 0, "no-sidecar": 0 });
  });
});
