import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDockerfile } from "../../../scripts/images/dockerfile.ts";
import { imageNames } from "../../../scripts/images/root-filesystems.ts";

const own = readFileSync(join(import.meta.dirname, "../../../images/Dockerfile"), "utf8");

describe("parseDockerfile", () => {
  it("finds a target for every image, none of which runs as root or without an entry point", () => {
    const targets = parseDockerfile(own);
    for (const name of imageNames) {
      const target = targets.get(name)!;
      assert.match(target.user, /^[1-9]\d+:[1-9]\d+$/, name);
      assert.ok(target.entrypoint.length > 0, name);
      assert.ok(target.layers.length > 0, name);
    }
  });

  it("lets a target inherit what it is made from", () => {
    const targets = parseDockerfile(
      'FROM scratch AS base\nCOPY a/ /a/\nENV X=1\nUSER 5:5\nFROM base AS top\nCOPY b/ /\nENTRYPOINT ["/a/b"]\n',
    );
    assert.deepEqual(targets.get("top"), {
      layers: [
        { from: "a/", to: "/a/" },
        { from: "b/", to: "/" },
      ],
      environment: ["X=1"],
      user: "5:5",
      folder: "/",
      entrypoint: ["/a/b"],
    });
  });

  for (const line of ["RUN apt-get update", "COPY --chown=1 a /a", "FROM node:24", "FROM scratch", "EXPOSE 80"]) {
    it(`stops at ${line}, which it would build otherwise than Docker`, () => {
      assert.throws(() => parseDockerfile(`FROM scratch AS x\n${line}\n`), /not understood without Docker/);
    });
  }
});
