import assert from "node:assert/strict";
import { celText, celValue } from "../../../operator/inject/cel.ts";
import { injectionPolicies, refusalRules } from "../../../operator/inject/policy.ts";
import { refusals } from "../../../operator/inject/refusal.ts";
import { settings } from "../../golden/inject/cases.ts";

/** Expressions of CEL that are longer are refused by the API server. */
const expressionCharactersMax = 100_000;

describe("injectionPolicies", () => {
  const objects = injectionPolicies(settings);
  const find = (kind: string) =>
    objects.filter((one) => one.kind === kind) as readonly unknown[] as readonly { spec: Spec }[];
  interface Spec {
    readonly failurePolicy: string;
    readonly validationActions: readonly string[];
    readonly matchConstraints: {
      readonly namespaceSelector: { readonly matchExpressions: readonly { values: string[] }[] };
    };
    readonly variables: readonly { readonly name: string; readonly expression: string }[];
    readonly mutations: readonly { readonly jsonPatch: { readonly expression: string } }[];
  }

  it("refuses for the reasons of injection, in their order, and says their sentences", () => {
    assert.deepEqual(
      Object.keys(refusalRules),
      Object.keys(refusals).filter((reason) => reason !== "unreadable"),
    );
    const refusal = find("MutatingAdmissionPolicy")[0]!.spec.variables.find(({ name }) => name === "refusal")!;
    for (const [reason, sentence] of Object.entries(refusals)) {
      assert.equal(refusal.expression.includes(celText(sentence)), reason !== "unreadable", reason);
    }
  });

  it("leaves its own and the system's namespaces alone", () => {
    for (const kind of ["MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"]) {
      assert.deepEqual(find(kind)[0]!.spec.matchConstraints.namespaceSelector.matchExpressions, [
        {
          key: "kubernetes.io/metadata.name",
          operator: "NotIn",
          values: ["picket-system", "kube-system", "kube-public", "kube-node-lease"],
        },
      ]);
    }
  });

  it("denies what came out without protection, or warns of it, as the install says", () => {
    const actions = (failurePolicy: "Fail" | "Ignore"): unknown =>
      injectionPolicies({ ...settings, failurePolicy })
        .filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding")
        .map(({ spec }) => (spec as unknown as Spec).validationActions);
    assert.deepEqual(actions("Fail"), [["Deny"], ["Deny"]]);
    assert.deepEqual(actions("Ignore"), [
      ["Warn", "Audit"],
      ["Warn", "Audit"],
    ]);
  });

  it("has expressions that the API server reads, also for a long bootstrap", () => {
    const bootstrap = JSON.stringify({ text: "x".repeat(30_000) });
    const [policy] = injectionPolicies({ ...settings, bootstrap });
    const { mutations, variables } = policy!.spec as unknown as Spec;
    const expressions = [
      ...mutations.map(({ jsonPatch }) => jsonPatch.expression),
      ...variables.map((one) => one.expression),
    ];
    assert.ok(expressions.every((one) => one.length < expressionCharactersMax));
  });
});

describe("celValue", () => {
  it("writes values of JSON so that no list or map mixes types", () => {
    const rows: readonly (readonly [Parameters<typeof celValue>[0], string])[] = [
      [{}, "{}"],
      [[], "[]"],
      [["a", "b"], '["a", "b"]'],
      [["a", 1], '[dyn("a"), dyn(1)]'],
      [{ a: 1, b: [{ c: null }], d: undefined }, '{"a": dyn(1), "b": dyn([dyn({"c": dyn(null)})])}'],
      ['"\\\n$(x)\u0001', String.raw`"\"\\\n$(x)\u0001"`],
    ];
    for (const [value, text] of rows) assert.equal(celValue(value), text);
    assert.equal(celValue(0.5), "0.5");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
      assert.throws(() => celValue(value), TypeError);
  });
});
