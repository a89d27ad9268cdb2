import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { problemCodes } from "../../../core/policy/problem.ts";
import { problemsOf } from "./parse-objects.ts";

// Each document of test/golden/objects starts with what is expected: `# CODE FIELD | MESSAGE`, once for each problem.
// `# <-` marks the lines that the problems must name.
const folder = new URL("../../golden/objects/", import.meta.url);

interface Refusal {
  readonly file: string;
  readonly expected: readonly string[];
  readonly marked: readonly number[];
  readonly text: string;
}

const refusals: readonly Refusal[] = readdirSync(folder).flatMap((file) =>
  readFileSync(new URL(file, folder), "utf8")
    .split(/^---\n/m)
    .map((part) => {
      const lines = part.split("\n");
      const expected = lines.filter((line) => line.startsWith("# PKT")).map((line) => line.slice(2));
      const marked = lines.flatMap((line, index) => (line.includes("# <-") ? [index + 1] : []));
      return { file, expected, marked, text: part };
    }),
);

describe("parseObject refuses", () => {
  for (const { file, expected, marked, text } of refusals) {
    it(`${file}: ${expected.join("; ").replaceAll(/spec\./g, "")}`, () => {
      const problems = problemsOf(text);
      assert.deepEqual(
        problems.map(({ code, field, message }) => `${code} ${field || "."} | ${message}`),
        expected,
      );
      assert.deepEqual(new Set(problems.map(({ line }) => line)), new Set(marked));
      for (const { fix, message } of problems) {
        assert.notEqual(fix, "");
        assert.doesNotMatch(`${message}${fix}`, /\.$|\n/, "one sentence without its full stop");
      }
    });
  }

  it("in at least 250 ways, with every code of objects", () => {
    assert.ok(refusals.length >= 250, `${refusals.length} cases`);
    const seen = new Set(refusals.flatMap(({ expected }) => expected.map((line) => line.slice(0, 7))));
    // What files are refused for is shown in test/platform/yaml.test.ts; what is wrong between objects is found by whoever holds all.
    const between = ["PKT0105", "PKT0106", "PKT0107", "PKT0108"];
    const codes = Object.keys(problemCodes).filter((code) => !code.startsWith("PKT00") && !between.includes(code));
    assert.deepEqual([...seen].toSorted(), codes);
  });
});
