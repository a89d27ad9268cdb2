import assert from "node:assert/strict";
import fc from "fast-check";
import {
  readYamlFile,
  yamlAliasesMax,
  yamlDepthMax,
  yamlDocumentCharactersMax,
  yamlDocumentsMax,
  yamlFileCharactersMax,
  yamlProblemsMax,
  yamlValuesMax,
} from "../../platform/yaml.ts";

function codesOf(text: string | Uint8Array): readonly string[] {
  return readYamlFile(text, "a.yaml").problems.map(({ code }) => code);
}

function valueOf(text: string): unknown {
  const { documents, problems } = readYamlFile(text, "a.yaml");
  assert.deepEqual(problems, []);
  assert.equal(documents.length, 1);
  return JSON.parse(JSON.stringify(documents[0]?.value));
}

describe("readYamlFile", () => {
  it("reads words by the core schema of YAML 1.2", () => {
    assert.deepEqual(
      valueOf("{ a: yes, b: true, c: on, d: 1, e: '1', f: ~, g: 0x10, h: 012, i: 1_000, j: 2026-01-05 }"),
      {
        a: "yes",
        b: true,
        c: "on",
        d: 1,
        e: "1",
        f: null,
        g: 16,
        h: 12,
        i: "1_000",
        j: "2026-01-05",
      },
    );
  });

  it("takes merge keys and names of object properties as ordinary keys", () => {
    const { documents } = readYamlFile("__proto__: { a: 1 }\n<<: { b: 2 }\n", "a.yaml");
    const value = documents[0]?.value as Record<string, unknown>;
    assert.deepEqual(Object.keys(value), ["__proto__", "<<"]);
    assert.equal(value["a"], undefined);
    assert.equal(value["b"], undefined);
  });

  it("knows the line of every field, and of the nearest parent of one that is missing", () => {
    const [first, second] = readYamlFile(
      "# c\na:\n  - x: 1\n    y: 2\n---\n\nb: { 'c d': [1,\n 2] }\n",
      "a.yaml",
    ).documents;
    const lines = ["a", "a[0]", "a[0].x", "a[0].y", "a[0].z", "q", ""].map((path) => first?.lineOf(path));
    assert.deepEqual(lines, [2, 3, 3, 4, 3, 2, 2]);
    assert.deepEqual(
      ["b", 'b["c d"]', 'b["c d"][1]'].map((path) => second?.lineOf(path)),
      [7, 7, 8],
    );
  });

  it("knows columns of plain and quoted text, and none where the text is written otherwise", () => {
    const [document] = readYamlFile("a: plain\nb: 'quoted'\nc: \"esc\\u0041\"\nd: |\n  block\n", "a.yaml").documents;
    assert.equal(document?.columnOf?.("a", 2), 6);
    assert.equal(document.columnOf("b", 2), 7);
    assert.equal(document.columnOf("c", 2), undefined);
    assert.equal(document.columnOf("d", 2), undefined);
  });

  it("leaves out empty documents and reads JSON", () => {
    assert.deepEqual(readYamlFile("---\n---\n# only a comment\n---\n", "a.yaml"), { documents: [], problems: [] });
    assert.deepEqual(valueOf('{"a":[1,"b",null]}'), { a: [1, "b", null] });
  });

  const refusals: readonly (readonly [string, string, string | Uint8Array])[] = [
    ["a key that stands twice", "PKT0002", "a: 1\nb: 2\na: 3\n"],
    ["a key that stands twice in quotes", "PKT0002", "a: 1\n'a': 3\n"],
    ["a number as key", "PKT0008", "1: a\n"],
    ["nothing as key", "PKT0008", "null: a\n"],
    ["a list as key", "PKT0008", "? [a]\n: 1\n"],
    ["a tag on a value", "PKT0007", "a: !!str 1\n"],
    ["a tag on a mapping", "PKT0007", "!!map {a: 1}\n"],
    ["a tag of its own", "PKT0007", "a: !thing 1\n"],
    ["the non-specific tag", "PKT0007", "a: ! x\n"],
    ["an alias to nothing", "PKT0006", "a: *b\n"],
    ["YAML 1.1", "PKT0001", "%YAML 1.1\n---\na: yes\n"],
    ["an open quote", "PKT0001", "a: 'b\n"],
    ["tabs as indentation", "PKT0001", "a:\n\tb: 1\n"],
    ["a mapping that runs into a list", "PKT0001", "a: 1\n- b\n"],
    ["bytes that are no UTF-8", "PKT0009", new Uint8Array([0x61, 0x3a, 0x20, 0xff])],
    ["a file that is too long", "PKT0003", "#".repeat(yamlFileCharactersMax + 1)],
    ["a document that is too long", "PKT0003", `a: "${"x".repeat(yamlDocumentCharactersMax)}"\n`],
    ["a document with too many values", "PKT0003", `a: [${"1,".repeat(yamlValuesMax)}]\n`],
    ["nesting that is too deep", "PKT0004", `${"[".repeat(yamlDepthMax + 2)}${"]".repeat(yamlDepthMax + 2)}`],
    ["nesting that would end the stack", "PKT0004", "[".repeat(1_000_000)],
    ["block nesting that would end the stack", "PKT0004", "- ".repeat(200_000)],
    ["more documents than a file may have", "PKT0005", "---\na: 1\n".repeat(yamlDocumentsMax + 1)],
    ["more aliases than a document may have", "PKT0006", `a: &a 1\nb: [${"*a, ".repeat(yamlAliasesMax + 1)}]\n`],
    ["an alias inside its own anchor", "PKT0004", "a: &a [*a]\n"],
  ];
  for (const [what, code, text] of refusals) {
    it(`refuses ${what}`, () => {
      const { problems, documents } = readYamlFile(text, "a.yaml");
      assert.equal(problems[0]?.code, code, JSON.stringify(problems[0]));
      assert.equal(documents.length, 0);
      assert.ok(problems.every(({ line, fix, message }) => line >= 1 && fix !== "" && message !== ""));
    });
  }

  it("refuses aliases that multiply, quickly", () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"
        : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`,
    );
    const start = performance.now();
    assert.deepEqual(codesOf(levels.join("\n")), ["PKT0006"]);
    assert.ok(performance.now() - start < 2_000);
  });

  it("accepts everything at its bound", () => {
    assert.deepEqual(codesOf(`${"[".repeat(yamlDepthMax)}1${"]".repeat(yamlDepthMax)}`), []);
    assert.deepEqual(codesOf("---\na: 1\n".repeat(yamlDocumentsMax)), []);
    assert.deepEqual(codesOf(`a: &a 1\nb: [${"*a, ".repeat(yamlAliasesMax)}]\n`), []);
  });

  it("keeps a bounded number of problems", () => {
    assert.ok(codesOf("---\na: *b\n".repeat(yamlProblemsMax * 2)).length <= yamlProblemsMax);
  });

  it("reads the documents beside a bad one", () => {
    const { documents, problems } = readYamlFile("a: 1\n---\nb: 1\nb: 2\n---\nc: 3\n", "a.yaml");
    assert.equal(documents.length, 2);
    assert.deepEqual(
      problems.map(({ code, line, field }) => `${code} ${line} ${field}`),
      ["PKT0002 4 b"],
    );
  });

  it("never throws, whatever the text is", () => {
    const pieces = fc.constantFrom(
      "a",
      ": ",
      "- ",
      "\n",
      "  ",
      "[",
      "]",
      "{",
      "}",
      "&a ",
      "*a",
      "!t ",
      "'",
      '"',
      "|\n",
      "%YAML 1.2\n",
      "---\n",
      "...\n",
      "#",
      "\t",
      "? ",
      ",",
      "\u0000",
      "\ud800",
      "<<",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const { documents, problems } = readYamlFile(parts.join(""), "a.yaml");
        assert.ok(documents.every(({ lineOf }) => lineOf("a.b[0]") >= 1));
        assert.ok(problems.every(({ line }) => line >= 1));
      }),
      { numRuns: 3_000 },
    );
  });

  it("gives back any JSON that it is given", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const { documents, problems } = readYamlFile(JSON.stringify({ value }), "a.json");
        assert.deepEqual(problems, []);
        assert.equal(JSON.stringify(documents[0]?.value), JSON.stringify({ value }));
      }),
      { numRuns: 500 },
    );
  });
});
