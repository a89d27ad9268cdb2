import assert from "node:assert/strict";
import { Client, credentials } from "@grpc/grpc-js";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printAddress } from "../../platform/config.ts";
import type { TlsMaterial } from "../../platform/tls.ts";
import { startAdsRange, type AdsRange } from "../contract/ads-range.ts";
import { Authority, SwappableTls } from "../platform/authority.ts";

const main = join(import.meta.dirname, "../../sidecar/main.ts");

describe("a scorer in a cluster", () => {
  let folder: string;
  let range: AdsRange | undefined;
  let scorer: ChildProcess | undefined;
  let output: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "picket-scorer-"));
    output = "";
  });
  afterEach(async () => {
    if (scorer?.exitCode === null) {
      scorer.kill("SIGTERM");
      await once(scorer, "exit");
    }
    await range?.stop();
    rmSync(folder, { recursive: true });
  });

  const start = (environment: Readonly<Record<string, string>>): void => {
    const settings = { PICKET_SCORER_LISTEN: "127.0.0.1:0", PICKET_SCORER_STATUS: "127.0.0.1:0", ...environment };
    scorer = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main], {
      env: { ...process.env, PICKET_LOG_FORMAT: "json", ...settings },
      stdio: ["ignore", "ignore", "pipe"],
    });
    scorer.stderr?.on("data", (text: Buffer) => (output += String(text)));
  };
  const until = async (done: () => boolean): Promise<void> => {
    const end = performance.now() + 20_000;
    while (!done()) {
      assert.ok(performance.now() < end, output);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const write = ({ certificate, key }: TlsMaterial): void => {
    writeFileSync(join(folder, "tls.key"), key.reveal());
    writeFileSync(join(folder, "tls.crt"), certificate);
  };

  it("sends no token in the clear: without authorities it does not start", async () => {
    start({ PICKET_OPERATOR: "127.0.0.1:1", PICKET_OPERATOR_TOKEN: join(folder, "token") });
    await until(() => scorer?.exitCode !== null);
    assert.equal(scorer?.exitCode, 2);
    assert.match(output, /PICKET_OPERATOR_TOKEN needs PICKET_OPERATOR_CA/);
  });

  it("proves itself to the operator by its token, and to proxies by a certificate that is exchanged while it runs", async () => {
    const [authority, next] = [await Authority.create("ours"), await Authority.create("next")];
    let shown: string | undefined;
    range = await startAdsRange(
      { host: "localhost", port: 0, path: "" },
      (_node, authorization) => {
        shown = authorization;
        return { group: "scorer" };
      },
      new SwappableTls(await authority.issue()),
    );
    range.server.publish("scorer", []);
    write(await authority.issue());
    writeFileSync(join(folder, "ca.crt"), authority.pem);
    writeFileSync(join(folder, "token"), "a.b.c");
    start({
      PICKET_OPERATOR: printAddress(range.address),
      PICKET_OPERATOR_CA: join(folder, "ca.crt"),
      PICKET_OPERATOR_TOKEN: join(folder, "token"),
      PICKET_SCORER_TLS: folder,
    });
    await until(() => output.includes("policies applied"));
    assert.equal(shown, "Bearer a.b.c");
    const listen = /"listen":"127\.0\.0\.1:(\d+)"/.exec(output)?.[1] ?? "";
    assert.equal(await health(listen, authority.pem), "serving");
    assert.notEqual(await health(listen, next.pem), "serving");
    write(await next.issue());
    await until(() => output.includes("certificate taken over"));
    assert.equal(await health(listen, next.pem), "serving");
  });
});

function health(port: string, ca: string): Promise<string> {
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(ca)), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const asIs = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    const deadline = new Date(Date.now() + 5_000);
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      asIs,
      asIs,
      Buffer.alloc(0),
      { deadline },
      (error, answer) => {
        client.close();
        resolve(error?.message ?? (answer?.[1] === 1 ? "serving" : "not serving"));
      },
    );
  });
}
