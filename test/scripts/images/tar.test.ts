import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderEntries, writeTar, type TarEntry } from "../../../scripts/images/tar.ts";

describe("writeTar", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "picket-tar-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("writes what tar reads: modes, links, long paths, no owner and no time", () => {
    const tree = join(folder, "tree");
    const deep = `${"d".repeat(60)}/${"e".repeat(60)}`;
    mkdirSync(join(tree, deep), { recursive: true });
    writeFileSync(join(tree, deep, "long.txt"), "x".repeat(513));
    writeFileSync(join(tree, "program"), "");
    chmodSync(join(tree, "program"), 0o755);
    symlinkSync("program", join(tree, "link"));
    const file = join(folder, "a.tar");
    const digest = writeTar(file, folderEntries(tree, "opt/"));
    const listed = execFileSync("tar", ["--list", "--verbose", "--numeric-owner", "--utc", "--file", file], {
      encoding: "utf8",
    });
    const lines = listed.trimEnd().split("\n");
    assert.equal(lines.length, 5);
    for (const line of lines) assert.match(line, / 0\/0 +\d+ 1970-01-01 00:00 /);
    assert.match(listed, new RegExp(`513 1970-01-01 00:00 opt/${deep}/long\\.txt`));
    assert.match(listed, /lrwxrwxrwx .* opt\/link -> program/);
    assert.match(listed, /-rwxr-xr-x .* opt\/program/);

    utimesSync(join(tree, "program"), 5, 5);
    assert.equal(writeTar(join(folder, "b.tar"), folderEntries(tree, "opt/")), digest);
  });

  it("refuses a path that the format cannot hold", () => {
    const entry: TarEntry = { kind: "link", path: `${"a/".repeat(150)}b`, target: "x" };
    assert.throws(() => writeTar(join(folder, "c.tar"), [entry]), /too long/);
  });
});
