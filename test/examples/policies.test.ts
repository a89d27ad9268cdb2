import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { effectivePolicies } from "../../core/policy/effective.ts";
import { parseObject, type ParsedObject } from "../../core/policy/parse.ts";
import type { ObjectChecks } from "../../core/policy/parse/object-checks.ts";
import { printId } from "../../core/policy/policy.ts";
import { printProblem } from "../../core/policy/problem.ts";
import { checkWhen } from "../../platform/cel.ts";
import { readYamlFile } from "../../platform/yaml.ts";

const examples = join(import.meta.dirname, "../../examples");

const checks: ObjectChecks = {
  when(source) {
    const result = checkWhen(source);
    return result.kind === "checked" ? { checked: result.checked } : { problem: result.problem };
  },
};

describe("the policies of the sample bank", () => {
  const files = ["bank/policies", "bank/standalone"].flatMap(yamlFiles);
  const objects = files.flatMap(read);
  const policies = objects.flatMap((object) => (object.kind === "policy" ? [object.policy] : []));
  const workloads = objects.flatMap((object) => (object.kind === "workload" ? [object.workload] : []));
  const identities = objects.flatMap((object) => (object.kind === "identity" ? [object.identity] : []));

  it("are files of Picket's own kinds, and each object is valid", () => {
    assert.ok(files.length >= 7, files.join(" "));
    assert.deepEqual(
      objects.flatMap((object) => (object.kind === "invalid" ? object.problems.map(printProblem) : [])),
      [],
    );
    assert.deepEqual(
      objects.filter(({ kind }) => kind === "skipped"),
      [],
    );
    assert.deepEqual([policies.length, workloads.length, identities.length], [5, 4, 1]);
  });

  it("enforce on every service, behind the floor, without a conflict or a loose end", () => {
    const { effective, conflicts, unresolved } = effectivePolicies({ policies, workloads, identities });
    assert.deepEqual([...conflicts, ...unresolved], []);
    assert.deepEqual(
      effective.map(({ workload, mode, failure, gates }) => [
        printId(workload.id),
        mode,
        failure.decision,
        ...gates.map((gate) => `${gate.policy} ${gate.default}`),
      ]),
      ["accounts", "admin", "login", "transfers"].map((name) => [
        `bank/${name}`,
        "enforce",
        "deny",
        `bank/${name} deny`,
        "floor allow",
      ]),
    );
  });

  it("have a test case for each rule and each limit", () => {
    const named = policies.flatMap(({ access, limits }) => [
      ...(access?.rules ?? []).map(({ name }) => name),
      ...(limits ?? []).map(({ name }) => name),
    ]);
    const tests = yamlFiles("bank/tests").map((file) => readFileSync(join(examples, file), "utf8"));
    assert.ok(named.length >= 15);
    assert.deepEqual(
      named.filter((name) => !tests.some((text) => new RegExp(`\\brule: ${name}\\b`).test(text))),
      [],
    );
  });

  it("read no test file as a policy", () => {
    const kinds = yamlFiles("bank/tests").flatMap((file) => read(file).map(({ kind }) => kind));
    assert.deepEqual(kinds, ["skipped", "skipped", "skipped", "skipped"]);
  });
});

describe("the smallest example", () => {
  const objects = yamlFiles("hello").flatMap(read);
  const policies = objects.flatMap((object) => (object.kind === "policy" ? [object.policy] : []));
  const workloads = objects.flatMap((object) => (object.kind === "workload" ? [object.workload] : []));

  it("is one workload and one policy, each valid", () => {
    assert.deepEqual(
      objects.flatMap((object) => (object.kind === "invalid" ? object.problems.map(printProblem) : [])),
      [],
    );
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ["workload", "policy"],
    );
  });

  it("enforces, denies by default and when nobody can judge, without a conflict or a loose end", () => {
    const { effective, conflicts, unresolved } = effectivePolicies({ policies, workloads, identities: [] });
    assert.deepEqual([...conflicts, ...unresolved], []);
    assert.deepEqual(
      effective.map(({ workload, mode, failure, gates }) => [
        printId(workload.id),
        mode,
        failure.decision,
        ...gates.map((gate) => `${gate.policy} ${gate.default}`),
      ]),
      [["demo/hello", "enforce", "deny", "demo/hello deny"]],
    );
  });
});

describe("the examples", () => {
  it("hold no YAML file that no test here looks at", () => {
    const looked = ["bank/policies", "bank/standalone", "bank/kubernetes", "bank/tests", "hello"].flatMap(yamlFiles);
    assert.deepEqual(globSync("**/*.{yaml,yml}", { cwd: examples }).toSorted(), looked.toSorted());
  });
});

/** Paths below examples/. */
function yamlFiles(folder: string): readonly string[] {
  return globSync(`${folder}/**/*.yaml`, { cwd: examples }).toSorted();
}

function read(path: string): readonly ParsedObject[] {
  const { documents, problems } = readYamlFile(readFileSync(join(examples, path)), path);
  assert.deepEqual(problems.map(printProblem), []);
  return documents.map((document) => parseObject(document, checks));
}
