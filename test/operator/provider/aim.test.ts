import assert from "node:assert/strict";
import { aimOfText } from "../../../operator/provider/aim.ts";

describe("whom a text means that is no YAML", () => {
  const policy = (more: string): string =>
    `kind: ApiPolicy\nmetadata: {name: a, namespace: bank}\nspec:\n${more}\n  rules: [`;
  const cases: readonly [string, string, ReturnType<typeof aimOfText>][] = [
    [
      "the workloads that its one list of targets names",
      policy("  targetRefs: [{group: apps, kind: Deployment, name: one}, {kind: Service, name: two}]"),
      { kind: "workloads", namespace: "bank", names: ["one", "two"] },
    ],
    [
      "its namespace when the list is broken",
      policy("  targetRefs: [{kind: Deployment, name: one}"),
      { kind: "namespaces", names: ["bank"] },
    ],
    [
      "its namespace when a target has no name",
      policy("  targetRefs: [{kind: Deployment}]"),
      { kind: "namespaces", names: ["bank"] },
    ],
    [
      "its namespace when there are two lists",
      policy("  targetRefs: [{name: one}]\n  targetRefs: [{name: two}]"),
      { kind: "namespaces", names: ["bank"] },
    ],
    [
      "its namespace when there is a selector too",
      policy("  targetRefs: [{name: one}]\n  selector: {}"),
      { kind: "namespaces", names: ["bank"] },
    ],
    [
      "every namespace that it names",
      "kind: ApiPolicy\nmetadata: {namespace: one}\n---\nkind: Workload\nmetadata: {namespace: two}",
      { kind: "namespaces", names: ["one", "two"] },
    ],
    [
      "everything when an object names no namespace",
      "kind: ApiPolicy\nmetadata: {name: a}\nspec: [",
      { kind: "everything" },
    ],
    [
      "everything when it is cluster-wide",
      'kind: "ClusterApiPolicy"\nmetadata: {namespace: bank}',
      { kind: "everything" },
    ],
    [
      "its namespace when a list of many targets ends wrongly, told in no time",
      policy(`  targetRefs: [${"{name: one}      ".repeat(1000)}x]`),
      { kind: "namespaces", names: ["bank"] },
    ],
    [
      "the workloads of a list with blanks and without commas",
      policy(`  targetRefs: [ ${"{name: one}   ".repeat(3)}, {name: two} ,] # all`),
      { kind: "workloads", namespace: "bank", names: ["one", "one", "one", "two"] },
    ],
    ["everything when it says nothing", "\u0000\u0001", { kind: "everything" }],
  ];
  for (const [title, text, expected] of cases) it(`is ${title}`, () => assert.deepEqual(aimOfText(text), expected));
});
