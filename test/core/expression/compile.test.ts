import assert from "node:assert/strict";
import fc from "fast-check";
import { claimsOf, type ClaimValue } from "../../../core/access/principal.ts";
import type { Expression } from "../../../core/expression/ast.ts";
import { expressionCostMax, listSizeMax, matchTextMax, stringSizeMax } from "../../../core/expression/bounds.ts";
import { compileExpression, compileWhen } from "../../../core/expression/compile.ts";
import { whenSchema } from "../../../core/expression/schema.ts";
import { EvaluationError } from "../../../core/expression/value.ts";
import { expressionEngines } from "../../../platform/cel.ts";
import { answer, compiled, contextOf, refusal } from "./when.ts";

const usual =
  'request.hour >= 8 && request.hour < 20 && principal.claims.segment == "retail" && "admin" in principal.claims.roles';

describe("evaluating a when", () => {
  it("answers a usual rule", () => {
    const situation = { nowMs: Date.UTC(2026, 1, 3, 10), claims: { segment: "retail", roles: ["user", "admin"] } };
    assert.equal(answer(usual, situation), "true");
    assert.equal(answer(usual, { ...situation, nowMs: Date.UTC(2026, 1, 3, 20) }), "false");
    assert.equal(answer(usual, { ...situation, claims: { segment: "retail", roles: ["user"] } }), "false");
  });

  it("is an error when a claim is missing, and false when has() asks for it", () => {
    assert.equal(answer('principal.claims.segment == "retail"', { claims: {} }), "missing");
    assert.equal(answer('principal.claims.segment != "retail"', { claims: {} }), "missing");
    assert.equal(answer("has(principal.claims.segment)", { claims: {} }), "false");
    assert.equal(answer('"segment" in principal.claims', { claims: {} }), "false");
    assert.equal(answer("has(principal.claims.a.b)", { claims: {} }), "missing");
    assert.equal(answer("has(principal.claims.a.b)", { claims: { a: { b: null } } }), "true");
  });

  it("takes null as a value, not as missing", () => {
    assert.equal(answer("principal.claims.a == null", { claims: { a: null } }), "true");
    assert.equal(answer("principal.claims.a == null", { claims: {} }), "missing");
  });

  it("lets a decisive operand hide an error on either side", () => {
    const failing = "principal.claims.a == 1";
    assert.equal(answer(`${failing} || true`), "true");
    assert.equal(answer(`true || ${failing}`), "true");
    assert.equal(answer(`${failing} && false`), "false");
    assert.equal(answer(`${failing} && true`), "missing");
    assert.equal(answer(`!(${failing})`), "missing");
    assert.equal(answer(`${failing} ? true : true`), "missing");
  });

  it("reads a JSON number as a double that equals ints of the same value", () => {
    const situation = { claims: { n: 3, half: 2.5 } };
    assert.equal(answer("principal.claims.n == 3", situation), "true");
    assert.equal(answer("principal.claims.n == 3u && principal.claims.n in [1, 2, 3]", situation), "true");
    assert.equal(answer("principal.claims.half > 2 && principal.claims.half < 3", situation), "true");
    assert.equal(answer("principal.claims.n + 1 == 4", situation), "type");
    assert.equal(answer("int(principal.claims.n) + 1 == 4", situation), "true");
    assert.equal(answer('principal.claims.n == "3"', situation), "false");
  });

  it("treats inherited names as keys like any other", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      assert.equal(answer(`has(principal.claims.${name})`, { claims: {} }), "false");
      assert.equal(answer(`principal.claims.${name} == 1`, { claims: {} }), "missing");
      assert.equal(answer(`principal.claims.o.${name} == 1`, { claims: { o: {} } }), "missing");
      assert.equal(answer(`"${name}" in principal.claims.o`, { claims: { o: {} } }), "false");
      const own = JSON.parse(`{"o": {"${name}": 1}}`) as Record<string, ClaimValue>;
      assert.equal(answer(`principal.claims.o.${name} == 1`, { claims: own }), "true");
    }
  });

  it("is an error, not true, when a result is no bool", () => {
    assert.equal(answer("principal.claims.a", { claims: { a: "true" } }), "type");
    assert.equal(answer("principal.claims.a", { claims: { a: 1 } }), "type");
    assert.equal(answer("principal.claims.a", { claims: { a: true } }), "true");
    assert.equal(answer("!principal.claims.a", { claims: { a: "" } }), "type");
  });

  it("is an error on ints beyond 64 bits, on division by zero and beyond the end of a list", () => {
    assert.equal(answer("9223372036854775807 + request.weekday > 0", {}), "overflow");
    assert.equal(answer("1 / (request.hour - request.hour) == 1"), "divide-by-zero");
    assert.equal(answer("principal.claims.a[1] == 1", { claims: { a: [1] } }), "range");
    assert.equal(answer("principal.claims.a[0] == 1", { claims: { a: [1] } }), "true");
  });

  it("is an error on texts and lists larger than the static cost assumed", () => {
    const long = "x".repeat(stringSizeMax + 1);
    assert.equal(answer(`principal.claims.a != "x"`, { claims: { a: long } }), "size");
    assert.equal(answer(`principal.claims.a.b != "x"`, { claims: { a: { b: long } } }), "size");
    assert.equal(answer(`principal.claims.a.all(s, s != "y")`, { claims: { a: [long] } }), "size");
    assert.equal(answer("principal.claims.a + principal.claims.a != ''", { claims: { a: long.slice(1) } }), "size");
    const list = Array.from({ length: listSizeMax + 1 }, () => 1);
    assert.equal(answer("principal.claims.a.all(n, n == 1)", { claims: { a: list } }), "size");
    assert.equal(answer("2 in principal.claims.a", { claims: { a: list } }), "size");
    assert.equal(answer("principal.claims.a.all(n, n == 1)", { claims: { a: list.slice(1) } }), "true");
    const text = "a".repeat(matchTextMax);
    assert.equal(answer('request.path.matches("^a+$")', { path: text }), "true");
    assert.equal(answer('request.path.matches("^a+$")', { path: `${text}a` }), "size");
  });

  it("is an error on JSON too deep or too large to compare", () => {
    let deep: ClaimValue = 1;
    for (let i = 0; i < 10_000; i++) deep = [deep];
    assert.equal(answer("principal.claims.a == principal.claims.b", { claims: { a: deep, b: deep } }), "size");
    const wide = Array.from({ length: 64 }, () => Array.from({ length: 64 }, () => 1));
    assert.equal(answer("principal.claims.a == principal.claims.b", { claims: { a: wide, b: wide } }), "size");
  });

  it("keeps inner and outer iteration variables apart", () => {
    const claims = { a: ["x", "y"], b: ["y"] };
    assert.equal(answer("principal.claims.a.exists(v, [v].exists(v, v == 'y') && v == 'y')", { claims }), "true");
    assert.equal(
      answer("principal.claims.a.filter(v, ['y'].exists(w, w == v)) == principal.claims.b", { claims }),
      "true",
    );
    assert.equal(answer("['a'].exists(request, request == 'a') && request.method == 'GET'", { claims }), "true");
  });

  it("answers in a named time zone with its daylight saving", () => {
    const winter = Date.UTC(2026, 0, 15, 7, 30);
    const summer = Date.UTC(2026, 6, 15, 7, 30);
    assert.equal(answer('now.getHours("Europe/Prague") == 8', { nowMs: winter }), "true");
    assert.equal(answer('now.getHours("Europe/Prague") == 9', { nowMs: summer }), "true");
    assert.equal(answer('now.getHours("-07:30") == 0 && now.getHours() == 7', { nowMs: winter }), "true");
  });

  it("turns a fault while reading into the error internal", () => {
    const context = contextOf({});
    const broken = { ...context, parameter: (): string => assert.fail("broken") };
    const result = compiled('resource.id == "1" || true').evaluate(broken);
    assert.ok(result instanceof EvaluationError && result.code === "internal");
  });

  it("names what was missing in words of the policy", () => {
    const result = compiled('principal.claims["a b"].c == 1').evaluate(contextOf({ claims: {} }));
    assert.ok(result instanceof EvaluationError);
    assert.equal(result.what, 'principal.claims["a b"]');
  });
});

describe("refusing a when", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["[1].all(a, [1].all(b, [1].all(c, true)))", /3 iterations lie inside each other/],
    ["principal.claims.a.all(x, principal.claims.b.all(y, x == y))", /may cost \d+ units/],
    [
      "principal.claims.a in principal.claims.b && principal.claims.a.all(x, x == principal.claims.b)",
      /may cost \d+ units/,
    ],
    ['principal.claims.a.all(x, x.matches("a[ab]{40}c"))', /may cost \d+ units/],
    ['request.path.matches("a[ab]{900}c")', /may cost \d+ units/],
    ['request.path.matches("(?=x)")', /not a regular expression of RE2/],
    ["request.path.matches(request.host)", /must be written out/],
    ["now.getHours(request.host) == 1", /must be written out/],
    ['now.getHours("Middle/Earth") == 1', /no time zone/],
    ["request.headers == request.headers", /cannot be used as a whole/],
    ["size(principal.claims) > 1", /cannot be used as a whole/],
    ["request == 1", /cannot be used as a whole/],
    ["request.nothing == 1", /no field nothing/],
    ["request.constructor == 1", /no field constructor/],
    ["request[request.host] == 1", /must be written out/],
    ["nobody == 1", /no variable nobody/],
    ["toString == 1", /no variable toString/],
    ["shell(1)", /shell is not offered/],
    ["constructor(1)", /constructor is not offered/],
    ["'a'.split('b') == []", /split is not offered/],
    ["9223372036854775808 > 1", /does not fit 64 bits/],
    ["-1u > 1u && 18446744073709551616u > 1u", /overflow|invalid integer/i],
  ];
  for (const [source, why] of cases) {
    it(`refuses ${source}`, () => assert.match(refusal(source), why));
  }

  it("refuses trees that are too deep or too large without overflowing the stack", () => {
    let deep: Expression = { kind: "literal", at: 0, value: true };
    for (let i = 0; i < 100_000; i++) deep = { kind: "call", at: 0, function: "!", arguments: [deep] };
    const items = Array.from({ length: 300 }, (): Expression => ({ kind: "literal", at: 0, value: 1n }));
    const environment = { schema: whenSchema, ...expressionEngines };
    for (const root of [deep, { kind: "list", at: 0, items } as const]) {
      assert.equal(compileExpression(root, environment).kind, "refused");
    }
  });

  it("gives every expression that compiles a cost within the limit", () => {
    assert.ok(compiled(usual).cost <= expressionCostMax);
    assert.ok(compiled("true").cost < compiled(usual).cost);
    const owner = 'principal.claims.accounts.exists(a, a.id == resource.id && a.role in ["owner", "deputy"])';
    assert.ok(compiled(owner).cost <= expressionCostMax);
    assert.ok(
      compiled("principal.claims.a == principal.claims.b").cost > compiled("principal.claims.a == request.path").cost,
    );
  });
});

/** Reads of something that an anonymous request without headers, query and parameters does not have. */
const missingReads = fc.constantFrom(
  'principal.claims.a == "x"',
  'principal.claims.a != "x"',
  "principal.claims.a > 3",
  "principal.claims.a",
  '"x" in principal.claims.a',
  "principal.claims.a.all(v, false)",
  "principal.claims.a.exists(v, true)",
  'principal.id != "mallory"',
  'principal.issuer.startsWith("")',
  'request.headers["x-a"] != ""',
  'request.query.a != "b"',
  "resource.id == resource.id",
  'source.network != "x"',
  'source.address.matches(".*")',
);

const combined = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    missingReads,
    fc
      .tuple(tie("expression"), fc.constantFrom("&&", "||", "==", "!="), tie("expression"))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie("expression").map((a) => `!(${a})`),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
    tie("expression").map((a) => `[1].exists(i, ${a})`),
  ),
})).expression;

describe("a when that reads what is missing", () => {
  it("is never true or false without has()", () => {
    fc.assert(
      fc.property(combined, (source) => {
        if (refusal(source) !== "") return;
        assert.notEqual(answer(source), "true", source);
        assert.notEqual(answer(source), "false", source);
      }),
      { numRuns: 300 },
    );
  });
});

const operators = [
  "==",
  "!=",
  "<",
  ">=",
  "in",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&&",
  "||",
  "!",
  "?:",
  "-",
  "size",
  "int",
  "matches",
];

const anyTree = fc.letrec<{ node: Expression }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc
      .oneof(
        fc.string(),
        fc.boolean(),
        fc.double(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.constant(null),
      )
      .map((value): Expression => ({ kind: "literal", at: 0, value })),
    fc
      .constantFrom("request", "principal", "now", "x", "int")
      .map((name): Expression => ({ kind: "variable", at: 0, name })),
    fc
      .constantFrom("a", "b", "__proto__")
      .map((field): Expression => select(select({ kind: "variable", at: 0, name: "principal" }, "claims"), field)),
    fc
      .tuple(fc.constantFrom(...operators), fc.array(tie("node"), { maxLength: 3 }))
      .map(([name, parts]): Expression => ({ kind: "call", at: 0, function: name, arguments: parts })),
    fc.array(tie("node"), { maxLength: 3 }).map((items): Expression => ({ kind: "list", at: 0, items })),
    fc.tuple(tie("node"), tie("node")).map(([operand, key]): Expression => ({ kind: "index", at: 0, operand, key })),
    fc
      .tuple(tie("node"), fc.constantFrom("all", "exists", "exists_one", "map", "filter"), tie("node"))
      .map(([range, macro, body]): Expression => ({ kind: "iterate", at: 0, macro, range, variable: "x", body })),
  ),
})).node;

function select(operand: Expression, field: string): Expression {
  return { kind: "select", at: 0, operand, field };
}

describe("any tree at all", () => {
  it("is refused or evaluates to true, false or an error, and never throws", () => {
    let evaluated = 0;
    fc.assert(
      fc.property(anyTree, fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (root, a, b) => {
        const result = compileWhen({ source: "", root }, { schema: whenSchema, ...expressionEngines });
        if (result.kind === "refused") return;
        evaluated++;
        const context = contextOf({ nowMs: 1_750_000_000_000 });
        const claims = claimsOf({ a: a as ClaimValue, b: b as ClaimValue });
        const principal = { kind: "authenticated", id: "u", issuer: "i", claims } as const;
        const found = result.when.evaluate({ ...context, call: { ...context.call, principal } });
        if (found instanceof EvaluationError) assert.notEqual(found.code, "internal");
        else assert.equal(typeof found, "boolean");
      }),
      { numRuns: 2_000 },
    );
    assert.ok(evaluated > 200, `only ${evaluated} trees were evaluated`);
  });
});
