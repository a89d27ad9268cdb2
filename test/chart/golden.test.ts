import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { byName, chartFolder, helmOrSkip, render, renderDocuments, type KubeObject } from "./render.ts";
import { rightsPage } from "./rights-page.ts";

const folder = join(import.meta.dirname, "../golden/chart");
const files = [...globSync("ci/*.yaml", { cwd: chartFolder }).toSorted(), "values-demo.yaml", "values-ha.yaml"];

/** Compares with the golden file, or writes it with PICKET_GOLDEN=write. */
function matchesGolden(file: string, text: string): void {
  const path = join(folder, file);
  if (process.env.PICKET_GOLDEN === "write") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"), `${file} differs; PICKET_GOLDEN=write rewrites it`);
}

function print(objects: Iterable<KubeObject>): string {
  return [...objects].map((object) => `---\n${stringify(object, { lineWidth: 0 })}`).join("");
}

/** Without the scripts of `helm test`, which are files of their own. */
function rendered(...files: readonly string[]): ReadonlyMap<string, KubeObject> {
  return byName(render({ files }).filter(({ metadata }) => metadata.name !== "picket-tests"));
}

describe("chart, golden files", () => {
  let byDefault: ReadonlyMap<string, KubeObject>;

  before(async function () {
    await helmOrSkip(this);
    byDefault = rendered();
  });

  it("renders what default.yaml says without any value", () =>
    matchesGolden("default.yaml", print(byDefault.values())));

  it("gives the rights that docs/reference/rights.md lists", () => {
    const byPolicy = renderDocuments({ files: ["ci/injection-policy.yaml"] });
    matchesGolden("../../../docs/reference/rights.md", rightsPage(renderDocuments(), byPolicy));
  });

  it("has a values file for each feature", () => assert.ok(files.length >= 12));

  for (const file of files) {
    const name = file.replace(/^ci\//, "");
    it(`changes, with ${file}, what the golden ${name} says`, () => {
      const objects = rendered(file);
      const gone = [...byDefault.keys()].filter((key) => !objects.has(key)).map((key) => `# without ${key}\n`);
      const changed = [...objects].filter(([key, object]) => print([object]) !== print(entry(key)));
      assert.ok(gone.length + changed.length > 0, "the file changes nothing");
      matchesGolden(name, gone.join("") + print(changed.map(([, object]) => object)));
    });
  }

  function entry(key: string): readonly KubeObject[] {
    const object = byDefault.get(key);
    return object === undefined ? [] : [object];
  }
});
