import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parameterOf,
  parseTemplate,
  printOperation,
  templateProblemCodes,
  templateLengthMax,
  templateSegmentsMax,
  type Template,
  type TemplateProblemCode,
} from "../../../core/catalog/template.ts";

function parsed(text: string): Template {
  const template = parseTemplate(text);
  assert.ok(template.kind === "template", JSON.stringify(template));
  return template;
}

const refused: readonly (readonly [string, TemplateProblemCode])[] = [
  ["", "template-not-absolute"],
  ["accounts", "template-not-absolute"],
  ["*", "template-not-absolute"],
  [`/${"a".repeat(templateLengthMax)}`, "template-too-long"],
  ["/a".repeat(templateSegmentsMax + 1), "template-too-many-segments"],
  ["//", "template-empty-segment"],
  ["/a//b", "template-empty-segment"],
  ["/a//", "template-empty-segment"],
  ["/.", "template-dot-segment"],
  ["/a/../b", "template-dot-segment"],
  ["/a/%2e%2E/b", "template-dot-segment"],
  ["/a?x=1", "template-character"],
  ["/a#x", "template-character"],
  ["/a;x=1", "template-character"],
  ["/a b", "template-character"],
  ["/a\\b", "template-character"],
  ["/a\u0000", "template-character"],
  ["/a|b", "template-character"],
  ["/a%", "template-escape"],
  ["/a%2", "template-escape"],
  ["/a%zz", "template-escape"],
  ["/a%2fb", "template-escape"],
  ["/a%5Cb", "template-escape"],
  ["/a%00", "template-escape"],
  ["/a%7f", "template-escape"],
  ["/a%252e", "template-escape"],
  ["/%c0%ae", "template-escape"],
  ["/%C3", "template-escape"],
  ["/%ed%a0%80", "template-escape"],
  ["/%f4%90%80%80", "template-escape"],
  ["/a\ud800", "template-escape"],
  ["/*", "template-wildcard"],
  ["/a/*/b", "template-wildcard"],
  ["/a*b", "template-wildcard"],
  ["/***", "template-wildcard"],
  ["/a/**.json", "template-wildcard"],
  ["/**/a", "template-rest-not-last"],
  ["/**/**", "template-rest-not-last"],
  ["/{id}.json", "template-parameter-mixed"],
  ["/v{id}", "template-parameter-mixed"],
  ["/{id}:verb", "template-parameter-mixed"],
  ["/{a}{b}", "template-parameter-mixed"],
  ["/{id", "template-parameter-unclosed"],
  ["/id}", "template-parameter-unclosed"],
  ["/}id{", "template-parameter-unclosed"],
  ["/{}", "template-parameter-name"],
  ["/{1a}", "template-parameter-name"],
  ["/{a-b}", "template-parameter-name"],
  [`/{${"a".repeat(65)}}`, "template-parameter-name"],
  ["/{:int}", "template-parameter-name"],
  ["/{id:}", "template-parameter-type"],
  ["/{id:string}", "template-parameter-type"],
  ["/{id:[0-9]+}", "template-parameter-type"],
  ["/{id:int:int}", "template-parameter-type"],
  ["/{id}/x/{id:int}", "template-parameter-twice"],
];

describe("parseTemplate", () => {
  it("reads literals, parameters, typed parameters and the rest", () => {
    assert.deepEqual(parsed("/v1/accounts/{accountId:int}/{tx:uuid}/{note}/**"), {
      kind: "template",
      text: "/v1/accounts/{accountId:int}/{tx:uuid}/{note}/**",
      segments: [
        { kind: "literal", text: "v1" },
        { kind: "literal", text: "accounts" },
        { kind: "parameter", name: "accountId", type: "int" },
        { kind: "parameter", name: "tx", type: "uuid" },
        { kind: "parameter", name: "note", type: "text" },
      ],
      rest: true,
    });
  });

  it("takes a slash at the end for nothing", () => {
    assert.deepEqual(parsed("/admin/"), parsed("/admin"));
    assert.deepEqual(parsed("/admin/**/"), parsed("/admin/**"));
    assert.deepEqual(parsed("/"), { kind: "template", text: "/", segments: [], rest: false });
  });

  it("stores literals in canonical form", () => {
    assert.equal(parsed("/café").text, "/caf%C3%A9");
    assert.equal(parsed("/caf%c3%a9").text, "/caf%C3%A9");
    assert.equal(parsed("/%61%2Db").text, "/a-b");
    assert.equal(parsed("/a%3ab").text, "/a%3Ab");
    assert.equal(parsed("/😀").text, "/%F0%9F%98%80");
  });

  it("takes every pchar that is not ambiguous, and whole segments of dots longer than two", () => {
    const plain = "-._~!$&'()+,=:@09azAZ";
    assert.equal(parsed(`/${plain}`).text, `/${plain}`);
    assert.equal(parsed("/...").text, "/...");
  });

  it("takes as many segments as the bound says, and ** beyond them", () => {
    assert.equal(parsed(`${"/a".repeat(templateSegmentsMax)}/**`).segments.length, templateSegmentsMax);
  });

  for (const [text, code] of refused) {
    const title = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    it(`refuses ${JSON.stringify(title)} as ${code}`, () => {
      const problem = parseTemplate(text);
      assert.equal(problem.kind, "problem");
      assert.ok(problem.kind === "problem");
      assert.equal(problem.code, code);
      assert.ok(problem.sentence.length > 10 && problem.sentence.length < 250);
      assert.ok(problem.fix.length > 5 && problem.fix.length < 250 + templateLengthMax);
    });
  }

  it("has no problem code without a case here", () => {
    assert.deepEqual([...new Set(refused.map(([, code]) => code))].sort(), [...templateProblemCodes].sort());
  });

  it("reads what it prints to the same template", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(..."/{}*:.%aA2éint".split("")), maxLength: 24 }).map((tail) => `/${tail}`),
      fc.string({ unit: "binary", maxLength: 12 }).map((tail) => `/${tail}`),
    );
    fc.assert(
      fc.property(text, (written) => {
        const first = parseTemplate(written);
        if (first.kind === "problem") return;
        assert.deepEqual(parseTemplate(first.text), first);
        assert.match(first.text, /^[\x21-\x7e]*$/);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("parameterOf", () => {
  it("gives the segment of a parameter, and -1 for a name the template does not have", () => {
    const template = parsed("/v1/accounts/{accountId:int}/cards/{card}/**");
    assert.equal(parameterOf(template, "accountId"), 2);
    assert.equal(parameterOf(template, "card"), 4);
    assert.equal(parameterOf(template, "accounts"), -1);
  });
});

describe("printOperation", () => {
  it("prints method and canonical template", () => {
    assert.equal(printOperation("GET", parsed("/v1/café/{id:int}/")), "GET /v1/caf%C3%A9/{id:int}");
  });
});
