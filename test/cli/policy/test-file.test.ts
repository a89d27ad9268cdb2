import assert from "node:assert/strict";
import { casesMax, parsePolicyTest, repeatMax, testApiVersion, testHeadersMax } from "../../../cli/policy/test-file.ts";
import { printProblem } from "../../../core/policy/problem.ts";
import { readYamlFile } from "../../../platform/yaml.ts";

const asked = "request: { method: GET, path: / }, expect: { verdict: Deny }";

/** What is wrong with a test of these cases; nothing when it is taken. */
function problemsOf(cases: readonly string[]): readonly string[] {
  const text = [
    `apiVersion: ${testApiVersion}`,
    "kind: ApiPolicyTest",
    "metadata: { name: shop }",
    "spec:",
    "  policies: [policies]",
    "  cases:",
    ...cases.map((one) => `    - ${one}`),
  ].join("\n");
  const { documents, problems: unread } = readYamlFile(text, "a.yaml");
  assert.deepEqual([documents.length, unread], [1, []]);
  const { test, problems } = parsePolicyTest(documents[0]!);
  assert.equal(test === undefined, problems.length > 0);
  return problems.map(printProblem);
}

const refusal = (found: readonly string[], sentence: RegExp): void => {
  assert.equal(found.length, 1, found.join("\n"));
  assert.match(found[0]!, sentence);
};

describe("parsePolicyTest", () => {
  it("takes a test that is just full of cases, and refuses one with more", () => {
    const cases = Array.from({ length: casesMax }, (_, i) => `{ name: c${i}, ${asked} }`);
    assert.deepEqual(problemsOf(cases), []);
    refusal(problemsOf([...cases, `{ name: more, ${asked} }`]), /spec\.cases.*1000/);
  });

  it("takes a sequence that is just full of steps, and refuses one with more", () => {
    const sequence = (steps: number): string =>
      `{ name: one, sequence: [${Array.from({ length: steps }, () => `{ ${asked} }`).join(", ")}] }`;
    assert.deepEqual(problemsOf([sequence(casesMax)]), []);
    refusal(problemsOf([sequence(casesMax + 1)]), /spec\.cases\[0\]\.sequence.*1000/);
  });

  it("repeats a step as often as may be and no more", () => {
    const repeated = (times: number): string => `{ name: one, sequence: [{ ${asked}, repeat: ${times} }] }`;
    assert.deepEqual(problemsOf([repeated(repeatMax)]), []);
    refusal(problemsOf([repeated(repeatMax + 1)]), /repeat.*10000/);
  });

  it("counts every line of a header that is sent several times towards the headers of a request", () => {
    const sent = (lines: number): string => {
      const values = Array.from({ length: lines - 1 }, (_, i) => `v${i}`).join(", ");
      return `{ name: one, request: { method: GET, path: /, headers: { x: y, many: [${values}] } }, expect: { verdict: Deny } }`;
    };
    assert.deepEqual(problemsOf([sent(testHeadersMax)]), []);
    refusal(problemsOf([sent(testHeadersMax + 1)]), /more than 100 headers/);
  });
});
