import assert from "node:assert/strict";
import { apiVersion, kindScopes, parseObject } from "../../core/policy/parse.ts";
import { checkWhen } from "../../platform/cel.ts";
import { readCrds } from "../../scripts/crds.ts";
import { badObjects, goodObjects } from "./bad-objects.ts";
import { examples } from "./objects.ts";
import { shapeProblems } from "./shape.ts";

const crds = new Map(readCrds().map((crd) => [crd.kind, crd]));

function parsedKind(kind: string, name: string, spec: unknown): string {
  const metadata = { name, ...(crds.get(kind)!.scope === "Cluster" ? {} : { namespace: "bank" }) };
  // As the API server hands it over: what is undefined is not there.
  const value = JSON.parse(JSON.stringify({ apiVersion, kind, metadata, spec })) as unknown;
  return parseObject({ file: "a", value, lineOf: () => 0 }, { when: checkWhen }).kind;
}

describe("objects and the schemas", () => {
  const found = examples();

  it("has examples to look at", () => {
    assert.deepEqual(
      [...new Set(found.map(({ object }) => object.kind))].toSorted((a, b) => (a < b ? -1 : 1)),
      ["ApiIdentity", "ApiPolicy", "ClusterApiPolicy", "PicketConfig"],
    );
  });

  for (const { file, object } of found) {
    it(`${file}: ${object.kind} ${object.metadata.name} has the shape of its kind`, () => {
      assert.deepEqual(shapeProblems(crds.get(object.kind)!.spec, object.spec, "spec"), []);
    });
  }

  for (const { kind, spec } of goodObjects) {
    it(`a good ${kind} has the shape of its kind`, () => {
      assert.deepEqual(shapeProblems(crds.get(kind)!.spec, spec, "spec"), []);
    });
  }

  it("are at least 120 bad ones, which the readers refuse as well", () => {
    assert.ok(badObjects.length >= 120, `${badObjects.length} objects`);
    const read = badObjects.filter(({ kind }) => Object.hasOwn(kindScopes, kind));
    assert.ok(read.length >= 120);
    const taken = read.filter(({ kind, name = kind === "PicketConfig" ? "default" : "a", spec }) => {
      return parsedKind(kind, name, spec) !== "invalid";
    });
    assert.deepEqual(
      taken.map(({ kind, title }) => `${kind}: ${title}`),
      [],
    );
  });
});
