import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFront } from "../../../cli/run/front.ts";
import type { PageServer } from "../../../platform/http-server.ts";

const bytesMax = 1_000;

describe("the front of a run", () => {
  let folder: string;
  let children: Server[];
  let front: PageServer;
  let address: string;
  /** What each child answers. */
  let pages: { operator: string; scorer: string };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "front-"));
    pages = { operator: "", scorer: "" };
    const sockets = { operator: join(folder, "o"), scorer: join(folder, "s") };
    children = await Promise.all(
      (["operator", "scorer"] as const).map(async (name) => {
        const server = createServer((_request, response) => response.end(pages[name]));
        await new Promise<void>((resolve) => server.listen(sockets[name], resolve));
        return server;
      }),
    );
    front = createFront({ ...sockets, bytesMax });
    const { port } = await front.start({ host: "127.0.0.1", port: 0, path: "" });
    address = `http://127.0.0.1:${port}`;
  });
  afterEach(async () => {
    await front.stop();
    for (const child of children) child.close();
    rmSync(folder, { recursive: true });
  });

  it("passes on an answer that is as long as may be, and says that a part is away for a longer one", async () => {
    pages.operator = "x".repeat(bytesMax);
    const full = await fetch(`${address}/status`);
    assert.deepEqual([full.status, await full.text()], [200, pages.operator]);
    pages.operator += "x";
    const over = await fetch(`${address}/status`);
    assert.deepEqual([over.status, await over.text()], [503, "not ready: a part is away\n"]);
  });

  it("shows the metrics of one part when the other's are too long", async () => {
    pages.operator = `# HELP a A.\n# TYPE a gauge\na 1\n# ${"x".repeat(bytesMax)}\n`;
    pages.scorer = "# HELP b B.\n# TYPE b gauge\nb 2\n";
    assert.equal(await (await fetch(`${address}/metrics`)).text(), pages.scorer);
  });
});
