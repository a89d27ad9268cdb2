import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { depthMax, fileBytesMax, filesMax, folderBytesMax, statFolder } from "../../../operator/provider/folder.ts";

describe("statFolder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "folder-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const refusal = (message: RegExp) => ({ name: "FolderError", code: "folder-unreadable", message });

  it("refuses a folder with more files than are read, and takes one that is just full", () => {
    for (let i = 0; i < filesMax; i++) writeFileSync(join(folder, `${i}.yaml`), "");
    assert.equal(statFolder(folder).entries.length, filesMax);
    writeFileSync(join(folder, "more.yaml"), "");
    assert.throws(() => statFolder(folder), refusal(/more than 10000 files/));
  });

  it("refuses a folder whose files are larger together than is read", () => {
    const file = (name: string, bytes: number): void => {
      writeFileSync(join(folder, name), "");
      truncateSync(join(folder, name), bytes);
    };
    for (let i = 0; i < folderBytesMax / fileBytesMax; i++) file(`${i}.yaml`, fileBytesMax);
    assert.ok(statFolder(folder).entries.length > 0);
    file("more.yaml", 1);
    assert.throws(() => statFolder(folder), refusal(/more than \d+ bytes/));
  });

  it("refuses more folders than it looks into, itself among them, and takes as many as that", () => {
    for (let i = 1; i < filesMax; i++) mkdirSync(join(folder, String(i)));
    assert.equal(statFolder(folder).folders.length, filesMax);
    mkdirSync(join(folder, "more"));
    assert.throws(() => statFolder(folder), refusal(/more than 10000 folders/));
  });

  it("refuses folders in folders beyond its depth", () => {
    const deepest = join(folder, ...Array.from({ length: depthMax }, (_, i) => `d${i}`));
    mkdirSync(deepest, { recursive: true });
    assert.equal(statFolder(folder).folders.length, depthMax + 1);
    mkdirSync(join(deepest, "more"));
    assert.throws(() => statFolder(folder), refusal(/deeper than 16 folders/));
  });
});
