import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { clusterStartMs, startCluster, type Cluster } from "../cluster.ts";

const root = join(import.meta.dirname, "../../..");
const guides = join(root, "docs/guides");

/** In the order of an install's life; what they type in blocks marked `sh cluster` is typed here. */
const pages = ["install.md", "high-availability.md", "upgrade.md", "uninstall.md"];

describe("the life of an install, as the guides tell it", function () {
  this.timeout(180_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(clusterStartMs);
    cluster = await startCluster({ node: false });
  });
  after(async () => cluster.stop());

  for (const page of pages) {
    it(`${page} does what it says`, () => {
      const text = readFileSync(join(guides, page), "utf8");
      const blocks = [...text.matchAll(/^```sh cluster\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
      assert.ok(blocks.length > 0);
      // Without a node no pod starts, so checks find something: that is an answer, too.
      const checks = 'picket() { command picket "$@" || [ $? -eq 1 ]; }';
      const { status, stdout, stderr } = spawnSync("bash", ["-e", "-c", `${checks}\n${blocks.join("\n")}`], {
        cwd: root,
        encoding: "utf8",
        env: {
          PATH: `${join(root, "bin")}:${join(cluster.folder, "bin")}:${process.env.PATH}`,
          HOME: cluster.folder,
          KUBECONFIG: cluster.kubeconfig,
          NO_COLOR: "1",
        },
      });
      assert.equal(status, 0, `${stdout}\n${stderr}`);
    });

    it(`${page} names only pages that are there`, () => {
      const text = readFileSync(join(guides, page), "utf8");
      for (const [, link = ""] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (!link.startsWith("https:")) assert.ok(existsSync(join(guides, link)), link);
      }
    });
  }

  it("ends with nothing of Picket but the kinds and what was written in them", async () => {
    const roles = await cluster.kubectl(["get", "clusterroles,mutatingwebhookconfigurations", "--output=name"]);
    assert.doesNotMatch(roles, /picket/);
    const kept = await cluster.kubectl(["--namespace", "shop", "get", "apipolicies", "--output=name"]);
    assert.match(kept, /orders/);
  });
});
