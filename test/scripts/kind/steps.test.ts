import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { kindSteps } from "../../../scripts/kind/steps.ts";

const root = join(import.meta.dirname, "../../..");
const images = (["operator", "proxy"] as const).map((name) => ({
  name,
  reference: `picket.dev/${name}:1.2.3`,
  id: "0",
  folder: name,
  archive: `build/images/${name}.tar`,
}));
const chart = join(root, "charts/picket");

describe("make kind-up", () => {
  it("makes a cluster, loads every image into it and installs the chart for small nodes", () => {
    const steps = kindSteps({ name: "picket", exists: false, images, chart });
    assert.deepEqual(
      steps.map(({ command }) => command.slice(0, 3).join(" ")),
      ["kind create cluster", "kind load image-archive", "kind load image-archive", "helm upgrade --install"],
    );
    assert.deepEqual(steps[1]!.command.slice(3), ["build/images/operator.tar", "--name", "picket"]);
    const install = steps.at(-1)!.command;
    assert.ok(install.includes("kind-picket"), "never into the cluster that kubectl happens to point at");
    assert.ok(existsSync(install[install.indexOf("--values") + 1]!));
  });

  it("uses a cluster that is there", () => {
    const [first] = kindSteps({ name: "picket", exists: true, images, chart });
    assert.equal(first!.command[1], "load");
  });

  it("says that it was skipped where Docker is missing", () => {
    const { status, stdout } = spawnSync(process.execPath, [join(root, "scripts/kind-up.ts")], {
      encoding: "utf8",
      env: { PATH: "/nowhere" },
    });
    assert.equal(status, 0);
    assert.equal(stdout, "skipped: Docker is missing, or its daemon does not answer\n");
  });
});
