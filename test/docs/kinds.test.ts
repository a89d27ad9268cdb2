import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { algorithms } from "../../core/policy/identity.ts";
import { methods } from "../../core/policy/policy.ts";
import { readCrds } from "../../scripts/crds.ts";
import { nodesOf } from "../crds/nodes.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/reference/kinds.md"), "utf8");

/** Fields of metadata that the API server owns, and parts of metadata that need no word. */
const elsewhere = new Set([
  "annotations",
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "generation",
  "labels",
  "managedFields",
  "namespace",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
]);

/** Fields that the readers of objects take, from their own text. */
function fieldsRead(): string[] {
  const sources = globSync("core/policy/parse/*.ts", { cwd: root }).map((file) =>
    readFileSync(join(root, file), "utf8"),
  );
  const found = sources.flatMap((text) =>
    [...text.matchAll(/\b(\w+): (?:optional|required)\(/g)].map((match) => match[1]!),
  );
  return [...new Set(found)].filter((field) => !elsewhere.has(field));
}

/** Fields that the schemas of the kinds have, spec and status. */
function fieldsOfSchemas(): string[] {
  const names = readCrds().flatMap(({ spec, status }) =>
    [...nodesOf(spec, "spec"), ...nodesOf(status, "status")].flatMap(({ name }) => (name === undefined ? [] : [name])),
  );
  return [...new Set(names)];
}

describe("docs/reference/kinds.md", () => {
  it("names every kind with its short name", () => {
    for (const { kind, shortNames } of readCrds()) assert.ok(page.includes(`| ${kind} | \`${shortNames[0]}\` |`), kind);
  });

  it("names every field of the schemas", () => {
    const fields = fieldsOfSchemas();
    assert.ok(fields.length > 150, `${fields.length} fields`);
    const missing = fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(page));
    assert.deepEqual(missing, []);
  });

  it("names every field that is read", () => {
    const fields = fieldsRead();
    assert.ok(fields.length > 40, `only ${fields.length} fields were found in the readers`);
    const missing = fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(page));
    assert.deepEqual(missing, []);
  });

  it("names no field that is not there", () => {
    const read = new Set([...fieldsRead(), ...fieldsOfSchemas()]);
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    const named = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
    const parts = named.flatMap((name) => name.split(".")).map((part) => part.replace("[]", ""));
    assert.ok(parts.length > 30);
    assert.deepEqual(
      parts.filter((part) => !read.has(part)),
      [],
    );
  });

  it("names every method and algorithm", () => {
    for (const word of [...methods, ...algorithms]) assert.ok(page.includes(word), word);
  });
});
