import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { chartReference, chartValues } from "../../scripts/chart/reference.ts";
import { imageRegistry, productVersion } from "../../scripts/images/build.ts";
import type { ImageName } from "../../scripts/images/root-filesystems.ts";
import { chartFolder } from "./render.ts";

const root = join(import.meta.dirname, "../..");
const text = readFileSync(join(chartFolder, "values.yaml"), "utf8");
const values = chartValues(text);

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly type?: string;
}
const schema = JSON.parse(readFileSync(join(chartFolder, "values.schema.json"), "utf8")) as Schema & {
  readonly definitions: Readonly<Record<string, Schema>>;
};

function resolve(part: Schema): Schema {
  return part.$ref === undefined ? part : schema.definitions[part.$ref.replace("#/definitions/", "")]!;
}

/** Paths of the schema down to where a value ends or users choose the keys. */
function schemaPaths(part: Schema, path: readonly string[]): string[] {
  const { properties } = resolve(part);
  if (properties === undefined) return [path.join(".")];
  return Object.entries(properties).flatMap(([key, inner]) => schemaPaths(inner, [...path, key]));
}

describe("values.yaml", () => {
  it("has at most fourteen keys at the top, so that a person can hold it", () => {
    const top = Object.keys(parse(text) as object);
    assert.ok(top.length <= 14, top.join(" "));
  });

  it("says of every value what it means", () => {
    assert.ok(values.length > 60);
    for (const { path, meaning } of values) assert.match(meaning, /^[A-Z].*\.$/, path.join("."));
  });

  it("has every value of the schema, and none that the schema does not know", () => {
    const known = new Set(schemaPaths(schema, []));
    const covered = values.map(({ path }) => path.join("."));
    for (const path of covered) {
      assert.ok(
        [...known].some((one) => one === path || one.startsWith(`${path}.`)),
        `not in the schema: ${path}`,
      );
    }
    for (const path of known) {
      assert.ok(
        covered.some((one) => path === one || path.startsWith(`${one}.`)),
        `not in values.yaml: ${path}`,
      );
    }
  });

  it("is closed everywhere: no object of the schema takes a key that it does not name", () => {
    let looked = 0;
    const visit = (part: unknown, at: string): void => {
      if (typeof part !== "object" || part === null) return;
      const { type, properties, additionalProperties } = part as Schema;
      const isFree = at.endsWith("Affinity");
      if (type === "object" && !isFree) {
        looked++;
        assert.ok(additionalProperties !== undefined && additionalProperties !== true, at);
        assert.ok(additionalProperties === false || properties === undefined, at);
      }
      for (const [key, inner] of Object.entries(part)) visit(inner, `${at}.${key}`);
    };
    visit(schema, "schema");
    assert.ok(looked > 15);
  });

  it("is used: every value is named in a template", () => {
    const templates = globSync("templates/**/*", { cwd: chartFolder, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
      .join("\n");
    for (const { path } of values) {
      const last = path.at(-1)!;
      assert.match(templates, new RegExp(`\\.${last}\\b`), path.join("."));
    }
  });

  it("is what docs/reference/chart.md shows", () => {
    const page = readFileSync(join(root, "docs/reference/chart.md"), "utf8");
    assert.equal(page, chartReference(text), "run make golden");
  });
});

describe("chart", () => {
  const chart = parse(readFileSync(join(chartFolder, "Chart.yaml"), "utf8")) as {
    readonly version: string;
    readonly appVersion: string;
    readonly kubeVersion: string;
    readonly annotations: Readonly<Record<string, string>>;
  };

  it("has the version of the product", () => {
    assert.equal(chart.version, productVersion(root));
    assert.equal(chart.appVersion, productVersion(root));
  });

  it("lists the images that it runs, as they are built", () => {
    const listed = parse(chart.annotations["artifacthub.io/images"]!) as { name: string; image: string }[];
    assert.deepEqual(
      listed,
      (["operator", "scorer", "proxy"] satisfies ImageName[]).map((name) => ({
        name,
        image: `${imageRegistry}/${name}:${productVersion(root)}`,
      })),
    );
  });

  it("carries the kinds of crds/, unchanged", () => {
    const read = (folder: string): [string, string][] =>
      globSync("*.yaml", { cwd: folder })
        .toSorted()
        .map((file) => [file, readFileSync(join(folder, file), "utf8")]);
    assert.deepEqual(read(join(chartFolder, "files/crds")), read(join(root, "crds")), "run make golden");
  });
});
