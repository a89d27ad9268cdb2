import assert from "node:assert/strict";
import { objectProblemsMax } from "../../../core/policy/problem.ts";
import { bounds, many, policy } from "./bounds.ts";
import { problemsOf } from "./parse-objects.ts";

describe("the bounds of an object", () => {
  for (const [name, max, make] of bounds) {
    it(`${name}: takes ${max}, refuses one more and says where`, () => {
      assert.deepEqual(problemsOf(make(max)), []);
      const problems = problemsOf(make(max + 1));
      assert.ok(problems.length > 0);
      for (const { field, message, fix } of problems) assert.ok(field !== "" && message !== "" && fix !== "");
    });
  }

  it("tells a bounded number of problems of one object", () => {
    const spec = Object.fromEntries(many(objectProblemsMax * 3, (i) => [`unknown${i}`, 1]));
    assert.equal(problemsOf(policy(spec)).length, objectProblemsMax);
  });
});
