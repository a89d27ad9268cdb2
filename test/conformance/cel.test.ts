import assert from "node:assert/strict";
import type { Schema, ValueField } from "../../core/expression/activation.ts";
import { compileExpression } from "../../core/expression/compile.ts";
import { binaryFunctions, unaryFunctions } from "../../core/expression/functions.ts";
import { EvaluationError } from "../../core/expression/value.ts";
import { expressionEngines, parseExpression } from "../../platform/cel.ts";
import { conformanceCases, type ConformanceCase } from "./cel-cases.ts";
import { printValue, readValue } from "./cel-value.ts";

/**
 * The published conformance tests of CEL, through the library's parser, our compiler and our evaluation. The variables
 * of these tests have any type, so the library's type checker is not asked; what it would refuse must be an error here.
 */

/** Fewer than this means that the data or a rule below is broken, not that everything is well. */
const casesMin = 1_000;

/** Reads every binding of a case; undefined when one is of a type that `when` does not have. */
function bind(test: ConformanceCase): Schema<undefined> | undefined {
  const schema = new Map<string, ValueField<undefined>>();
  for (const [name, wire] of test.bindings) {
    const value = readValue(wire);
    if (value === undefined) return undefined;
    schema.set(name, { kind: "value", read: () => value });
  }
  return schema;
}

const macros = ["has", "all", "exists", "exists_one", "map", "filter"];
const offered = new Set([...unaryFunctions.keys(), ...binaryFunctions.keys(), "matches", ...macros]);

/** The expression without comments and the content of its texts, for rules on constructs. */
function skeleton(expression: string): string {
  return expression
    .replace(/[rRbB]{0,2}("""[^]*?"""|'''[^]*?'''|"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*')/g, '""')
    .replace(/\/\/.*$/gm, "");
}

/** Why a case is not run: the construct it uses, first match wins. Rules look at the case, never at what we answer. */
const exclusions: readonly {
  readonly reason: string;
  readonly applies: (test: ConformanceCase, code: string) => boolean;
}[] = [
  {
    reason: "protobuf messages and enumerations are not offered",
    applies: (test, code) =>
      test.container !== "" ||
      /[A-Za-z_]\w*\s*\{/.test(code) ||
      bind(test) === undefined ||
      (test.expected !== undefined && readValue(test.expected) === undefined) ||
      test.declarations.some(
        ({ type }) => type.includes("messageType") && !/google\.protobuf\.(Timestamp|Duration)/.test(type),
      ),
  },
  {
    reason: "optional values are not offered",
    applies: (_, code) => /\.\?|\[\s*\?|\{\s*\?|\boptional\./.test(code),
  },
  {
    reason: "names with a dot are not offered as variables",
    applies: (test) =>
      [...test.bindings.keys(), ...test.declarations.map(({ name }) => name)].some((name) => name.includes(".")),
  },
  {
    reason: "macros with two variables are not offered",
    applies: (test, code) => /\.(?:all|exists)\s*\(\s*\w+\s*,\s*\w+\s*,/.test(code) || test.name.startsWith("macros2/"),
  },
  {
    reason: "the function is not in the standard library of the language, or not offered",
    applies: (_, code) =>
      [...code.matchAll(/([A-Za-z_]\w*)\s*\(/g)].some(([, name]) => name !== "in" && !offered.has(name ?? "")),
  },
  {
    reason: "only types are deduced, nothing is evaluated",
    applies: (test) => test.checkOnly,
  },
  {
    reason: "the parsing library does not know names in backquotes; they are refused",
    applies: (_, code) => code.includes("`"),
  },
  {
    reason: "the parsing library does not know raw byte literals; they are refused",
    applies: ({ expression }) => /\b[bB][rR]['"]|\b[rR][bB]['"]/.test(expression),
  },
  {
    reason: "the parsing library reads characters beyond ASCII in byte literals wrongly; we refuse them",
    applies: ({ expression }) => /\b[bB](['"])[^'"]*[\u0080-\u{10ffff}]/u.test(expression),
  },
  {
    reason: "the parsing library does not know numbers that begin with a point; they are refused",
    applies: (_, code) => /(?:^|[^\w)\]"])\.[0-9]/.test(code),
  },
  {
    reason: "the parsing library does not know names with a leading dot; they are refused",
    applies: (_, code) => /(?:^|[\s([{,:?!&|])\.[A-Za-z_]/.test(code),
  },
];

/** Where we knowingly answer differently, or the parsing library refuses what the language has. */
const exact = "we compare an int with a double by their exact values, the tests after rounding the int to a double";
const deviations: ReadonlyMap<string, string> = new Map([
  ["comparisons/lt_literal/not_lt_dyn_int_big_lossy_double", exact],
  ["comparisons/gt_literal/not_gt_dyn_big_double_int", exact],
  ["comparisons/lte_literal/lte_dyn_big_double_int", exact],
  ["comparisons/gte_literal/gte_dyn_int_big_lossy_double", exact],
  [
    "basic/variables/unbound_is_runtime_error",
    "an unknown variable is refused before evaluation, where the test lets || hide it",
  ],
]);

interface Outcome {
  readonly wanted: string;
  readonly got: string;
}

function run(test: ConformanceCase): Outcome {
  const wanted = test.expected === undefined ? "error" : printValue(readValue(test.expected)!);
  const parsed = parseExpression(test.expression);
  if (parsed.kind === "refused")
    return { wanted, got: test.expected === undefined ? "error" : `refused: ${parsed.problem.message}` };
  const compiled = compileExpression(parsed.checked.root, { schema: bind(test)!, ...expressionEngines });
  if (compiled.kind === "refused") {
    return { wanted, got: test.expected === undefined ? "error" : `refused: ${compiled.problem.message}` };
  }
  const result = compiled.when.run(undefined);
  if (!(result instanceof EvaluationError)) return { wanted, got: printValue(result) };
  return { wanted, got: test.expected === undefined ? "error" : `error ${result.code}` };
}

describe("the published conformance tests of CEL", () => {
  const all = conformanceCases();
  const excluded = new Map<string, string[]>();
  const included: ConformanceCase[] = [];
  for (const test of all) {
    const code = skeleton(test.expression);
    const rule = exclusions.find(({ applies }) => applies(test, code));
    if (rule === undefined) included.push(test);
    else excluded.set(rule.reason, [...(excluded.get(rule.reason) ?? []), test.name]);
  }

  it("answers as published, except for the named deviations", () => {
    const wrong: string[] = [];
    for (const test of included) {
      if (deviations.has(test.name)) continue;
      const { wanted, got } = run(test);
      if (wanted !== got) wrong.push(`${test.name}: ${test.expression}\n    wanted ${wanted}, got ${got}`);
    }
    assert.deepEqual(wrong, []);
  });

  it("names no deviation that is none", () => {
    const names = new Map(included.map((test) => [test.name, test]));
    for (const name of deviations.keys()) {
      const test = names.get(name);
      assert.ok(test !== undefined, `${name} is not among the cases`);
      const { wanted, got } = run(test);
      assert.notEqual(got, wanted, `${name} agrees by now`);
    }
  });

  it("runs most of the published cases and has a reason for each of the others", () => {
    const lines = [`${all.length} cases, ${included.length} run, ${deviations.size} deviations`];
    for (const [name, why] of deviations) lines.push(`  deviation ${name}: ${why}`);
    for (const [reason, names] of excluded) {
      lines.push(`  ${names.length} not run: ${reason}`, ...names.map((name) => `    ${name}`));
    }
    process.stdout.write(`${lines.join("\n")}\n`);
    assert.ok(included.length >= casesMin, `only ${included.length} cases were run`);
    assert.equal(included.length + [...excluded.values()].flat().length, all.length);
  });
});
