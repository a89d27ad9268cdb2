import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesMax, foldersDepthMax, listFiles } from "../../../cli/offline/load.ts";

describe("listFiles", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "load-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const refusal = (message: RegExp) => ({ name: "CommandError", code: "PKT0902", message });

  it("takes as many files as may be, however they are named, and refuses more", () => {
    for (let i = 0; i < filesMax; i++) writeFileSync(join(folder, `${i}.yaml`), "");
    assert.equal(listFiles([".", "0.yaml"], folder).length, filesMax, "one that is named twice counts once");
    writeFileSync(join(folder, "more.txt"), "");
    assert.equal(listFiles(["."], folder).length, filesMax);
    assert.throws(() => listFiles([".", "more.txt"], folder), refusal(/more than 10000 files/));
    writeFileSync(join(folder, "more.json"), "");
    assert.throws(() => listFiles(["."], folder), refusal(/more than 10000 files/));
  });

  it("looks into folders down to its depth and refuses deeper ones", () => {
    const deepest = join(folder, ...Array.from({ length: foldersDepthMax }, (_, i) => `d${i}`));
    mkdirSync(deepest, { recursive: true });
    writeFileSync(join(deepest, "a.yaml"), "");
    assert.deepEqual(listFiles(["."], folder), [join(deepest, "a.yaml")]);
    mkdirSync(join(deepest, "more"));
    assert.throws(() => listFiles(["."], folder), refusal(/lies too deep/));
  });
});
