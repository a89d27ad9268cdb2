import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as names from "../../operator/inject/names.ts";
import { reservedPorts } from "../../operator/translate/pod-shape.ts";
import { refusals } from "../../operator/inject/refusal.ts";
import { unprotectedReasons } from "../../operator/inject/unprotected.ts";

const docs = join(import.meta.dirname, "../../docs");

/** Rows of the table below a heading of the reference: the cells, the first without its backticks. */
function rows(heading: string): readonly (readonly string[])[] {
  const text = readFileSync(join(docs, "reference/injection.md"), "utf8");
  const part = text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? "";
  return part
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.slice(2, -2).split(" | "))
    .map(([name = "", ...cells]) => [name.replaceAll("`", ""), ...cells]);
}

describe("docs/reference/injection.md", () => {
  it("lists every refusal with its sentence, in order, and no other", () => {
    assert.deepEqual(rows("Refusals"), Object.entries(refusals));
  });

  it("lists every reason of an unprotected pod, in order, and no other", () => {
    assert.deepEqual(rows("Unprotected pods"), Object.entries(unprotectedReasons));
  });

  it("lists every label and annotation, and no other", () => {
    const all: readonly unknown[] = Object.values(names);
    const expected = all.flatMap((value) =>
      typeof value === "string" && value.startsWith("picket.dev/") ? [value] : [],
    );
    const listed = rows("Labels and annotations").map(([name = ""]) => name);
    assert.equal(new Set(listed).size, listed.length);
    assert.deepEqual(new Set(listed), new Set(expected));
  });

  it("lists every port that is taken, and no other", () => {
    assert.deepEqual(
      rows("Ports").map(([name]) => Number(name)),
      reservedPorts,
    );
  });

  it("is what the guide speaks of: every name in it exists", () => {
    const guide = readFileSync(join(docs, "guides/inject.md"), "utf8");
    const known = new Set(rows("Labels and annotations").map(([name]) => name));
    const used = [...guide.matchAll(/picket\.dev\/[a-z-]+/g)].map(([name]) => name);
    assert.ok(used.length >= 8);
    for (const name of used) assert.ok(known.has(name), name);
  });
});
