import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { parseObject } from "../../../core/policy/parse.ts";
import type { SourceDocument } from "../../../core/policy/parse/source-document.ts";
import { checkWhen } from "../../../platform/cel.ts";
import { readYamlFile } from "../../../platform/yaml.ts";
import { placesOf, replaced, type Step } from "./mutations.ts";

const folders = ["policies/", "standalone/"].map((name) => new URL(`../../../examples/bank/${name}`, import.meta.url));
const documents: readonly SourceDocument[] = folders.flatMap((folder) =>
  readdirSync(folder).flatMap((file) => readYamlFile(readFileSync(new URL(file, folder)), file).documents),
);

const odd = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withSparseArray: true, maxDepth: 3 }),
  fc.constantFrom<unknown>(
    undefined,
    null,
    "",
    "Allow",
    "Enforce",
    "/**",
    0,
    -1,
    1e308,
    Number.NaN,
    [],
    {},
    [[]],
    "__proto__",
  ),
);

const mutations = fc
  .constantFrom(...documents)
  .chain(({ value }) => fc.record({ value: fc.constant(value), path: fc.constantFrom(...placesOf(value)), by: odd }));

function parse(value: unknown): ReturnType<typeof parseObject> {
  return parseObject({ file: "a", value, lineOf: () => 0 }, { when: checkWhen });
}

describe("parseObject on mutated objects", () => {
  it("never throws and always answers, whatever stands anywhere", () => {
    fc.assert(
      fc.property(mutations, ({ value, path, by }) => {
        const parsed = parse(replaced(value, path, by));
        if (parsed.kind === "invalid") assert.ok(parsed.problems.length > 0);
      }),
      { numRuns: 3_000 },
    );
  });

  it("never overlooks a field that is not there in the kind", () => {
    const mappings = documents.flatMap(({ value }) =>
      placesOf(value)
        .filter((path) => path.length > 0 && path[0] !== "apiVersion")
        .map((path) => ({ value, path }))
        .filter(({ path }) => isMappingAt(value, path) && path.join(".") !== "metadata.labels"),
    );
    assert.ok(mappings.length > 60, `${mappings.length} mappings`);
    for (const { value, path } of mappings) {
      const parsed = parse(replaced(value, [...path, "zzz"], true));
      assert.equal(parsed.kind, "invalid", path.join("."));
    }
  });

  it("never reads a rule that demands less than was written when a demand is misspelt or of another type", () => {
    const demands = documents.flatMap(({ value }) =>
      placesOf(value)
        .filter((path) => path.includes("require") && path.at(-1) !== "require")
        .map((path) => ({ value, path })),
    );
    assert.ok(demands.length > 20);
    for (const { value, path } of demands) {
      for (const by of [null, {}, [], "", Number.NaN]) {
        const parsed = parse(replaced(value, path, by));
        assert.equal(parsed.kind, "invalid", `${path.join(".")} ${JSON.stringify(by)}`);
      }
    }
  });
});

function isMappingAt(value: unknown, path: readonly Step[]): boolean {
  const found = path.reduce<unknown>((at, step) => (at as Record<Step, unknown>)[step], value);
  return typeof found === "object" && found !== null && !Array.isArray(found);
}
