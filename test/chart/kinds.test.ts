import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { chartFolder, helmOrSkip, render, type KubeObject } from "./render.ts";

const kindOfKinds = "CustomResourceDefinition";
const crds = globSync("crds/*.yaml", { cwd: join(import.meta.dirname, "../..") })
  .flatMap((file) => parseAllDocuments(readFileSync(join(import.meta.dirname, "../..", file), "utf8")))
  .map((document) => document.toJS() as KubeObject);
const own = crds.filter(({ kind }) => kind === kindOfKinds);

describe("kinds in the chart", () => {
  before(async function () {
    await helmOrSkip(this);
  });

  it("are those of crds/ to the letter, but for labels and the mark that keeps them", () => {
    const rendered = new Map(
      render({ kinds: true }).map((object) => [`${object.kind} ${object.metadata.name}`, object]),
    );
    assert.ok(own.length >= 8);
    for (const crd of crds) {
      const found = rendered.get(`${crd.kind} ${crd.metadata.name}`);
      assert.ok(found !== undefined, crd.metadata.name);
      assert.deepEqual(found.spec, crd.spec, crd.metadata.name);
      const keep = found.metadata.annotations?.["helm.sh/resource-policy"];
      assert.equal(keep, crd.kind === kindOfKinds ? "keep" : undefined);
    }
  });

  it("go with the chart only where that was asked for", () => {
    for (const object of render({ kinds: true, values: { crds: { keep: false } } })) {
      assert.equal(object.metadata.annotations?.["helm.sh/resource-policy"], undefined);
    }
  });

  it("come without policies of admission before Kubernetes 1.30, which does not have them", () => {
    const count = (kubeVersion: string, prefix: string): number =>
      render({ kinds: true, kubeVersion }).filter(({ kind }) => kind.startsWith(prefix)).length;
    assert.equal(count("1.29.3", kindOfKinds), own.length);
    assert.equal(count("1.29.3", "ValidatingAdmissionPolicy"), 0);
    assert.ok(count("1.30.0-eks-1", "ValidatingAdmissionPolicy") > 0);
  });

  it("are listed for Artifact Hub", () => {
    const { annotations } = parse(readFileSync(join(chartFolder, "Chart.yaml"), "utf8")) as KubeObject["metadata"];
    const listed = parse(annotations!["artifacthub.io/crds"]!) as { kind: string; version: string; name: string }[];
    assert.deepEqual(
      listed.map(({ kind, version, name }) => `${name} ${version} ${kind}`).toSorted((a, b) => a.localeCompare(b)),
      own
        .map(({ metadata, spec }) => {
          const { names, versions } = spec as { names: { kind: string }; versions: { name: string }[] };
          return `${metadata.name} ${versions.at(-1)!.name} ${names.kind}`;
        })
        .toSorted((a, b) => a.localeCompare(b)),
    );
  });
});
