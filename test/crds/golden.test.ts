import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { admissionText } from "../../scripts/admission.ts";
import { readCrds } from "../../scripts/crds.ts";

const file = join(import.meta.dirname, "../../crds/admission.yaml");

describe("crds/admission.yaml", () => {
  it("is what the schemas make of it", () => {
    const text = admissionText(readCrds());
    if (process.env["PICKET_GOLDEN"] === "write") writeFileSync(file, text);
    assert.equal(readFileSync(file, "utf8"), text);
  });

  it("holds a policy and its binding for each kind", () => {
    const documents = parseAllDocuments(readFileSync(file, "utf8")).map(
      (document) => document.toJS() as { kind: string },
    );
    assert.deepEqual(
      Object.values(Object.groupBy(documents, ({ kind }) => kind)).map((found) => found!.length),
      [8, 8],
    );
  });
});
