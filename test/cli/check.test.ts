import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { printTable } from "../../cli/output/table.ts";
import { picket } from "./captured-shell.ts";
import { policyOf, workloadOf, writeFiles, type TemporaryFiles } from "./files.ts";

interface Report {
  readonly healthy: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly fix?: string;
  }[];
}

describe("picket check", () => {
  let files: TemporaryFiles;
  afterEach(() => files.remove());

  const run = async (args: readonly string[], environment: Readonly<Record<string, string>>) => {
    const state = { PICKET_STATE_DIR: join(files.folder, "state"), ...environment };
    const { code, stdout } = await picket(["check", "-o", "json", ...args], {
      folder: files.folder,
      environment: state,
    });
    const report = JSON.parse(stdout) as Report;
    return { code, find: (name: string) => report.checks.find((check) => check.name === name), report };
  };

  it("warns of an Envoy that was chosen by hand and of nothing running, and is healthy all the same", async () => {
    files = writeFiles({ envoy: "not really" });
    const { code, find, report } = await run([], { PICKET_ENVOY: join(files.folder, "envoy") });
    assert.equal(code, 0);
    assert.equal(report.healthy, true);
    assert.deepEqual(
      [find("envoy")?.status, find("running")?.status, find("state folder")?.status],
      ["warn", "warn", "ok"],
    );
  });

  it("fails with a fix when there is no Envoy", async () => {
    files = writeFiles({});
    const { code, find } = await run([], { PICKET_ENVOY: join(files.folder, "nosuch"), PATH: files.folder });
    assert.equal(code, 1);
    assert.equal(find("envoy")?.status, "fail");
    assert.match(find("envoy")?.fix ?? "", /make setup/);
  });

  it("fails for an Envoy in the cache that is not the released one", async () => {
    files = writeFiles({ "envoy-1.40.0/envoy": "changed" });
    const { chmodSync } = await import("node:fs");
    chmodSync(join(files.folder, "envoy-1.40.0/envoy"), 0o755);
    const { code, find } = await run([], { PICKET_CACHE: files.folder, PATH: "" });
    assert.deepEqual([code, find("envoy")?.status], [1, "fail"]);
  });

  it("fails for a port that is taken and for bad objects", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    files = writeFiles({
      envoy: "",
      "policies/a.yaml": `${workloadOf("a", port)}---\n${policyOf("a", "mode: wrong")}`,
    });
    const { code, find } = await run(["--from", "policies"], { PICKET_ENVOY: join(files.folder, "envoy") });
    server.close();
    assert.equal(code, 1);
    assert.deepEqual([find("objects")?.status, find("port of a")?.status], ["fail", "fail"]);
    assert.match(find("port of a")?.message ?? "", /is taken$/);
  });

  it("prints each failure with a line that says how to mend it", async () => {
    files = writeFiles({});
    const environment = { PICKET_ENVOY: join(files.folder, "nosuch"), PICKET_STATE_DIR: files.folder };
    const { stdout } = await picket(["check"], { folder: files.folder, environment });
    assert.match(stdout, /\nfail envoy: no Envoy is found\n {4}fix: make setup/);
    assert.match(stdout, /\nsomething is missing\n$/);
  });
});

describe("printTable", () => {
  it("aligns by letters, not by code units, and cuts what is too wide", () => {
    const table = printTable(
      ["A", "B"],
      [
        ["é😀", "x"],
        ["long text", "y".repeat(20)],
      ],
      16,
    );
    assert.equal(table, "A          B\né😀         x\nlong text  yyyy…\n");
  });
});
