import assert from "node:assert/strict";
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import type { Schema, ValueField } from "../../core/expression/activation.ts";
import { compileExpression } from "../../core/expression/compile.ts";
import { EvaluationError, type Value } from "../../core/expression/value.ts";
import { checkWhen, compileCondition, expressionEngines, parseExpression } from "../../platform/cel.ts";
import { contextOf } from "../core/expression/when.ts";

function problem(source: string): string {
  const result = checkWhen(source);
  if (result.kind === "checked") return "";
  const { message, column, try: advice } = result.problem;
  assert.notEqual(advice, "");
  return `${column}: ${message}`;
}

describe("checkWhen", () => {
  it("accepts what the reference shows", () => {
    for (const source of [
      "request.hour >= 8 && request.hour < 20",
      'principal.claims.segment == "retail" && "admin" in principal.claims.roles',
      "has(principal.claims.limit) && double(resource.amount) <= principal.claims.limit",
      'request.path.matches("^/v1/[a-z]+$") || matches(request.host, "example")',
      'now - timestamp("2026-01-01T00:00:00Z") < duration("24h")',
      'principal.claims.accounts.exists(a, a.id == resource.accountId && a.role == "owner")',
      "[1, 'a', true].exists(x, x == principal.claims.a)",
    ]) {
      assert.equal(problem(source), "", source);
    }
  });

  it("says what is wrong, where, and what to do", () => {
    assert.equal(problem(""), "1: it is empty");
    assert.match(problem(`"${"x".repeat(1_023)}"`), /^1025: it is 1025 characters long, at most 1024/);
    assert.equal(problem('request.method == "GET'), "19: unterminated string");
    assert.match(problem("request.method = 'GET'"), /^16: unexpected character/);
    assert.match(problem("request.method"), /^1: it gives string, not true or false/);
    assert.match(problem("request.hour == 'x'"), /no such overload: int == string/);
    assert.match(problem("true && nobody"), /^9: there is no variable nobody/);
    assert.match(problem("principal.claims.?a == 1"), /^18: /);
    assert.match(problem('b"é" == b"x"'), /beyond ASCII/);
    assert.match(problem("has(principal.claims)  && has(1)"), /has\(\)|invalid/);
  });

  it("refuses what is nested too deeply without overflowing the stack", () => {
    for (const [open, inner, close] of [
      ["(", "true", ")"],
      ["!", "true", ""],
      ["-", "1", ""],
      ["[", "1", "]"],
      ["size(", "''", ")"],
      ["true ? true : ", "true", ""],
    ] as const) {
      const count = Math.floor(1_000 / (open.length + close.length));
      assert.notEqual(problem(open.repeat(count) + inner + close.repeat(count)), "", open);
    }
  });

  it("never throws, whatever the text", () => {
    const word = fc.constantFrom(
      "request",
      "principal.claims",
      ".a",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      "&&",
      "||",
      "!",
      "'x'",
      "1",
      "1u",
      "?",
      ":",
      ",",
      ".map(",
      ".all(x,",
      "has(",
      "in",
      "-",
      "__proto__",
      "constructor",
      "google.protobuf",
      "cel",
      "b'\\x",
      "`",
      "\\",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
        ),
        (source) => {
          assert.ok(["checked", "refused"].includes(checkWhen(source).kind));
        },
      ),
      { numRuns: 1_500 },
    );
  });

  it("gives a condition that answers undefined when it cannot be evaluated", () => {
    const checked = checkWhen('principal.claims.a == "x"');
    assert.ok(checked.kind === "checked");
    const condition = compileCondition(checked.checked);
    assert.equal(condition(contextOf({ claims: { a: "x" } })), true);
    assert.equal(condition(contextOf({ claims: { a: "y" } })), false);
    assert.equal(condition(contextOf({})), undefined);
  });
});

/** Variables of the comparison with the library's own evaluator. */
const variables: ReadonlyMap<string, { readonly type: string; readonly value: Value }> = new Map([
  ["i", { type: "int", value: 7n }],
  ["zero", { type: "int", value: 0n }],
  ["s", { type: "string", value: "abc" }],
  ["t", { type: "bool", value: true }],
  ["l", { type: "list<int>", value: [1n, 2n, 7n] }],
  ["m", { type: "map<string, int>", value: { a: 1n, b: 7n } }],
]);

const typed = fc.letrec<{ bool: string; int: string; text: string; list: string }>((tie) => {
  const pair = (
    left: "bool" | "int" | "text" | "list",
    operators: readonly string[],
    right = left,
  ): fc.Arbitrary<string> =>
    fc.tuple(tie(left), fc.constantFrom(...operators), tie(right)).map(([a, op, b]) => `(${a} ${op} ${b})`);
  return {
    bool: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom("t", "true", "false"),
      pair("bool", ["&&", "||", "==", "!="]),
      pair("int", ["==", "!=", "<", "<=", ">", ">="]),
      pair("text", ["==", "!=", "<", ">="]),
      pair("int", ["in"], "list"),
      pair("list", ["==", "!="]),
      tie("bool").map((a) => `!${a}`),
      fc.tuple(tie("bool"), tie("bool"), tie("bool")).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc
        .tuple(
          tie("list"),
          fc.constantFrom("all", "exists", "exists_one"),
          fc.constantFrom("x > 1", "x / zero == 1", "7 / (x - 2) > 0", "x == i"),
        )
        .map(([a, macro, body]) => `${a}.${macro}(x, ${body})`),
      fc
        .tuple(tie("text"), fc.constantFrom("contains", "startsWith", "endsWith"), tie("text"))
        .map(([a, f, b]) => `${a}.${f}(${b})`),
      fc.constantFrom("has(m.a)", "has(m.c)", "('a' in m)", "('c' in m)"),
    ),
    int: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom("i", "zero", "1", "2", "-3", "9223372036854775807", "m.a", "m.c", "m['b']", "l[0]", "l[5]"),
      pair("int", ["+", "-", "*", "/", "%"]),
      tie("text").map((a) => `size(${a})`),
      tie("list").map((a) => `size(${a})`),
      // Not of any text: the library reads int('') as 0, where the language has an error.
      fc.constantFrom("int('17')", "int('b')", "int(s)"),
    ),
    text: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom("s", "''", "'b'", "'17'"),
      pair("text", ["+"]),
      tie("int").map((a) => `string(${a})`),
    ),
    list: fc.oneof(
      { maxDepth: 5 },
      fc.constant("l"),
      fc.array(tie("int"), { minLength: 1, maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
      tie("list").map((a) => `${a}.filter(x, x > 1)`),
      tie("list").map((a) => `${a}.map(x, x + 1)`),
    ),
  };
}).bool;

describe("our evaluation and the library's", () => {
  it("agree on the common subset, errors included", () => {
    const environment = new Environment();
    const context: Record<string, Value> = {};
    const schema = new Map<string, ValueField<undefined>>();
    for (const [name, { type, value }] of variables) {
      environment.registerVariable(name, type);
      context[name] = value;
      schema.set(name, { kind: "value", read: () => value });
    }
    const known: Schema<undefined> = schema;
    let compared = 0;
    fc.assert(
      fc.property(typed, (source) => {
        const parsed = parseExpression(source, environment);
        if (parsed.kind === "refused") return;
        const compiled = compileExpression(parsed.checked.root, { schema: known, ...expressionEngines });
        if (compiled.kind === "refused") return;
        compared++;
        const ours = compiled.when.run(undefined);
        assert.deepEqual(
          ours instanceof EvaluationError ? "error" : ours,
          evaluateByLibrary(environment, source, context),
          source,
        );
      }),
      { numRuns: 3_000 },
    );
    assert.ok(compared > 1_500, `only ${compared} expressions were compared`);
  });
});

function evaluateByLibrary(environment: Environment, source: string, context: Record<string, Value>): unknown {
  try {
    return environment.evaluate(source, context);
  } catch {
    return "error";
  }
}
