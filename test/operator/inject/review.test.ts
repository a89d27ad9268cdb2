import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonPatchOp } from "../../../operator/inject/json-patch.ts";
import { refusals } from "../../../operator/inject/refusal.ts";
import { review, reviewResults, reviewTooLarge, type ReviewContext } from "../../../operator/inject/review.ts";
import type { NamespaceFacts } from "../../../operator/inject/settings.ts";
import { settings } from "../../golden/inject/cases.ts";
import { applyPatch } from "./apply-patch.ts";

const namespaces = new Map<string, NamespaceFacts>([
  ["bank", { name: "bank", labels: { "picket.dev/inject": "enabled" }, annotations: {} }],
  ["shop", { name: "shop", labels: {}, annotations: {} }],
]);
const context = (failurePolicy: "Fail" | "Ignore"): ReviewContext => ({
  settings: { ...settings, failurePolicy },
  namespaceOf: (name) => namespaces.get(name),
});

const uid = "0df28fbd-5f5f-11e8-bc74-36e6bb280816";
const pods = { group: "", version: "v1", resource: "pods" };
const pod = { metadata: { name: "a" }, spec: { containers: [{ name: "app", ports: [{ containerPort: 8080 }] }] } };
const onHost = { ...pod, spec: { ...pod.spec, hostNetwork: true } };

const request = (fields: object = {}): object => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { uid, resource: pods, operation: "CREATE", namespace: "bank", object: pod, dryRun: false, ...fields },
});

interface Answer {
  readonly apiVersion: string;
  readonly kind: string;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly patchType?: string;
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly auditAnnotations: { readonly result: string };
  };
}

function ask(value: unknown, failurePolicy: "Fail" | "Ignore" = "Fail") {
  const body =
    value instanceof Uint8Array ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const reviewed = review(body, context(failurePolicy));
  const { response, ...envelope } = JSON.parse(Buffer.from(reviewed.body).toString()) as Answer;
  assert.deepEqual(envelope, { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" });
  assert.equal(response.auditAnnotations.result, reviewed.result);
  assert.equal(typeof response.allowed, "boolean");
  assert.equal(response.patchType, response.patch === undefined ? undefined : "JSONPatch");
  const patch = JSON.parse(Buffer.from(response.patch ?? "W10=", "base64").toString()) as readonly JsonPatchOp[];
  return { ...response, result: reviewed.result, patch };
}

describe("review", () => {
  it("injects for a namespace whose label it has not seen yet: the API server has, or would not ask", () => {
    assert.equal(ask(request({ namespace: "shop" })).result, "injected");
    const out = { ...pod, metadata: { name: "a", labels: { "picket.dev/inject": "false" } } };
    assert.equal(ask(request({ namespace: "shop", object: out })).result, "skipped");
  });

  it("answers with the patch that injects", () => {
    const { uid: answered, allowed, patch, result } = ask(request());
    assert.deepEqual([answered, allowed, result], [uid, true, "injected"]);
    assert.match(JSON.stringify(applyPatch(pod, patch)), /"name":"picket-proxy"/);
  });

  it("answers without a patch where the pod is injected already", () => {
    const done = applyPatch(pod, ask(request()).patch);
    const again = ask(request({ object: done }));
    assert.deepEqual([again.allowed, again.patch, again.patchType], [true, [], undefined]);
  });

  it("gives a dry run the same answer", () => {
    assert.deepEqual(ask(request({ dryRun: true })), ask(request()));
  });

  it("passes warnings on", () => {
    const { warnings } = ask(request({ object: { ...pod, spec: { ...pod.spec, shareProcessNamespace: true } } }));
    assert.deepEqual(warnings, ["picket: containers that share processes can stop the proxy"]);
  });

  it("refuses a pod that cannot be protected, or marks it where the install lets it in", () => {
    const refused = ask(request({ object: onHost }), "Fail");
    assert.deepEqual([refused.allowed, refused.result, refused.patch], [false, "refused", []]);
    assert.deepEqual(refused.status, {
      code: 403,
      reason: "Forbidden",
      message: `picket: ${refusals["host-network"]}`,
    });

    const marked = ask(request({ object: onHost }), "Ignore");
    assert.deepEqual([marked.allowed, marked.result, marked.status], [true, "marked", undefined]);
    assert.deepEqual(applyPatch(onHost, marked.patch), {
      ...onHost,
      metadata: { name: "a", annotations: { "picket.dev/not-injected": refusals["host-network"] } },
    });
    assert.match(marked.warnings?.join() ?? "", /^picket: not injected: the pod uses the network of its node/);
  });

  it("does not let a pod of a namespace that it does not know pass unseen", () => {
    const refused = ask(request({ namespace: "new" }), "Fail");
    assert.deepEqual([refused.allowed, refused.result], [false, "failed"]);
    assert.match(refused.status?.message ?? "", /does not know this namespace yet/);
    const passed = ask(request({ namespace: "new" }), "Ignore");
    assert.deepEqual([passed.allowed, passed.result, passed.warnings?.length], [true, "failed", 1]);
  });

  // Vector J26: whatever comes, a correct answer with a message.
  const megabytes = "x".repeat(3 << 20);
  const rows: readonly (readonly [name: string, body: unknown, verdict: string])[] = [
    ["an object of 3 MiB", request({ object: { ...pod, metadata: { annotations: { big: megabytes } } } }), "injected"],
    ["an object of 3 MiB elsewhere", request({ namespace: "shop", object: { big: megabytes } }), "refused"],
    ["another kind", request({ resource: { ...pods, resource: "services" }, object: { spec: 1 } }), "skipped"],
    ["another group", request({ resource: { ...pods, group: "apps" } }), "skipped"],
    ["another version of pods", request({ resource: { ...pods, version: "v2" } }), "skipped"],
    ["a subresource", request({ subResource: "ephemeralcontainers" }), "skipped"],
    ["no resource", request({ resource: null }), "skipped"],
    ["DELETE with a null object", request({ operation: "DELETE", object: null, oldObject: pod }), "skipped"],
    ["UPDATE", request({ operation: "UPDATE" }), "skipped"],
    ["an operation that is no text", request({ operation: 7 }), "skipped"],
    ["a dry run", request({ dryRun: true }), "injected"],
    ["a null object", request({ object: null }), "refused"],
    ["an object that is a list", request({ object: [pod] }), "refused"],
    ["a pod without a spec", request({ object: { metadata: {} } }), "refused"],
    ["a pod whose containers are none", request({ object: { metadata: {}, spec: { containers: {} } } }), "refused"],
    ["a namespace that is no text", request({ namespace: 7 }), "failed"],
    ["a namespace named as a property", request({ namespace: "__proto__" }), "failed"],
    ["version v1beta1", { ...request(), apiVersion: "admission.k8s.io/v1beta1" }, "failed"],
    ["another envelope", { ...request(), kind: "Status" }, "failed"],
    ["no uid", request({ uid: undefined }), "failed"],
    ["a uid that is a number", request({ uid: 7 }), "failed"],
    ["a uid of 10,000 characters", request({ uid: "u".repeat(10_000) }), "failed"],
    ["an empty uid", request({ uid: "" }), "injected"],
    ["an odd uid", request({ uid: '"}\u0000\r\n../💥' }), "injected"],
    ["no request", { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" }, "failed"],
    ["a response for a request", { ...request(), request: undefined, response: {} }, "failed"],
    ["null", null, "failed"],
    ["a list", [], "failed"],
    ["nothing", "", "failed"],
    ["half of it", JSON.stringify(request()).slice(0, 200), "failed"],
    ["no UTF-8", Buffer.from([0xff, 0xfe, 0x7b]), "failed"],
    ["100,000 lists in each other", "[".repeat(100_000), "failed"],
    [
      "100,000 objects in each other in a pod",
      JSON.stringify(request()).replace('"name":"app"', `"name":"app","x":${'{"x":'.repeat(1e5)}1${"}".repeat(1e5)}`),
      "failed or injected",
    ],
  ];
  for (const [name, body, verdict] of rows) {
    it(`answers correctly: ${name}`, () => {
      for (const failurePolicy of ["Fail", "Ignore"] as const) {
        const { allowed, result, status, patch } = ask(body, failurePolicy);
        assert.ok(verdict.includes(result) || (failurePolicy === "Ignore" && result === "marked"), result);
        if (failurePolicy === "Fail") assert.equal(allowed, result === "injected" || result === "skipped");
        if (!allowed) assert.match(status?.message ?? "", /^picket: ./);
        if (result === "skipped") assert.deepEqual(patch, []);
      }
    });
  }

  it("repeats the uid, and only one that it could read", () => {
    for (const good of [uid, "", "💥", "u".repeat(256)]) assert.equal(ask(request({ uid: good })).uid, good);
    for (const bad of [7, null, "u".repeat(257)]) assert.equal(ask(request({ uid: bad })).uid, "");
    assert.equal(ask({ ...request(), apiVersion: "admission.k8s.io/v2" }).uid, uid);
  });

  it("answers anything at all, and never with more rights than asked", () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom("CREATE", "bank", "v1", "pods", ""));
    const fields = fc.dictionary(fc.constantFrom("uid", "resource", "operation", "namespace", "object"), odd);
    fc.assert(
      fc.property(fields, fc.constantFrom("Fail", "Ignore"), (changed, failurePolicy) => {
        const { result } = ask(request(changed), failurePolicy);
        assert.ok(reviewResults.includes(result));
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.equal(ask(bytes).allowed, false)));
  });

  it("has an answer for what is too large to be read", () => {
    const { response } = JSON.parse(Buffer.from(reviewTooLarge(5).body).toString()) as Answer;
    assert.deepEqual(
      [response.uid, response.allowed, response.status?.message],
      ["", false, "picket: the review has more than 5 bytes"],
    );
  });
});
