import assert from "node:assert/strict";
import fc from "fast-check";
import { parseTemplate, type Template } from "../../../core/catalog/template.ts";
import { groupByPrefix, groupEntriesMax, literalPrefix } from "../../../operator/translate/envoy/path-tree.ts";
import { meet, printMethodAndPath, type Operation } from "../../../operator/translate/operations.ts";

function operation(path: string, method: Operation["method"] = "GET"): Operation {
  const template = parseTemplate(path);
  if (template.kind === "problem") throw new Error(template.sentence);
  return { method, template };
}

/** The plain meaning of a template, for paths without a slash at the end. */
function matches(template: Template, path: string): boolean {
  const parts = path === "/" ? [] : path.slice(1).split("/");
  if (template.rest ? parts.length < template.segments.length : parts.length !== template.segments.length) return false;
  return template.segments.every((segment, i) => segment.kind === "parameter" || segment.text === parts[i]);
}

const segment = fc.constantFrom("a", "ab", "b", "{x}");
const template = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
  .map(
    ([parts, rest]) => `/${[...parts.map((part, i) => part.replace("x", `x${i}`)), ...(rest ? ["**"] : [])].join("/")}`,
  );
const path = fc
  .array(fc.constantFrom("a", "ab", "abc", "b", "c"), { maxLength: 5 })
  .map((parts) => `/${parts.join("/")}`);

describe("groupByPrefix", () => {
  it("holds in the group of the longest prefix every operation that matches the path", () => {
    fc.assert(
      fc.property(fc.array(template, { maxLength: 8 }), path, (templates, asked) => {
        const operations = [...new Set(templates)].map((text) => operation(text));
        const groups = groupByPrefix(operations).filter((group) => asked.startsWith(group.prefix));
        const longest = groups.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
        const found = (longest?.operations ?? []).filter((one) => matches(one.template, asked)).map(printMethodAndPath);
        const expected = operations.filter((one) => matches(one.template, asked)).map(printMethodAndPath);
        assert.deepEqual(found.toSorted(), expected.toSorted());
      }),
      { numRuns: 2000 },
    );
  });

  it("puts the more specific first: literal, typed, any text, rest; a named method before all methods", () => {
    const paths = ["/a/**", "/a/{x}", "/a/{x:int}", "/a/b"];
    const operations = [operation("/a/b", "*"), ...paths.map((text) => operation(text))];
    const group = groupByPrefix(operations).find(({ prefix }) => prefix === "/a/b");
    const expected = ["GET /a/b", "* /a/b", "GET /a/{x:int}", "GET /a/{x}", "GET /a/**"];
    assert.deepEqual(group?.operations.map(printMethodAndPath), expected);
  });

  it("leaves inherited operations out beyond its bound, never a group's own", () => {
    const operations = ["/**", "/a", "/b", "/c"].map((text) => operation(text));
    const sizes = (entriesMax: number) => groupByPrefix(operations, entriesMax).map((group) => group.operations.length);
    assert.deepEqual(sizes(7), [1, 2, 2, 2]);
    assert.deepEqual(sizes(5), [1, 2, 1, 1]);
    assert.deepEqual(sizes(0), [1, 1, 1, 1]);
  });

  it("stays within its bound where each operation would be inherited by each group", () => {
    const side = 200;
    const operations = Array.from({ length: side }, (_, i) =>
      [`/{x}/p${i}/**`, `/q${i}`].map((text) => operation(text)),
    );
    const groups = groupByPrefix(operations.flat());
    const entries = groups.reduce((sum, group) => sum + group.operations.length, 0);
    assert.equal(groups.length, 1 + side);
    assert.ok(side * side > groupEntriesMax, "not filled");
    assert.ok(entries <= groupEntriesMax && entries > groupEntriesMax - side, `${entries} entries`);
    assert.equal(groups.at(-1)?.operations.length, 1, "a group's own operation stays");
  });

  it("knows what every matching path starts with", () => {
    const prefixes = ["/", "/**", "/a", "/a/**", "/a/{x}", "/{x}/a"].map((text) =>
      literalPrefix(operation(text).template),
    );
    assert.deepEqual(prefixes, ["/", "/", "/a", "/a", "/a/", "/"]);
  });
});

describe("meet", () => {
  it("never says no to two operations that one path belongs to", () => {
    fc.assert(
      fc.property(template, template, path, (left, right, asked) => {
        const [a, b] = [operation(left), operation(right)];
        if (matches(a.template, asked) && matches(b.template, asked)) assert.ok(meet(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it("tells methods apart, HEAD and GET aside", () => {
    assert.ok(meet(operation("/a", "HEAD"), operation("/a", "GET")));
    assert.ok(meet(operation("/a", "*"), operation("/A", "PUT")));
    assert.ok(!meet(operation("/a", "PUT"), operation("/a", "GET")));
  });
});
