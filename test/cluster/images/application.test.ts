import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:http2";
import { fileURLToPath } from "node:url";
import { freePort } from "../rig/ports.ts";
import { poll } from "../rig/poll.ts";

const program = fileURLToPath(new URL("application.ts", import.meta.url));

describe("the application of pods", () => {
  let child: ChildProcess;
  let ports: readonly number[];

  const start = async (environment: Readonly<Record<string, string>>): Promise<void> => {
    ports = [await freePort(), await freePort()];
    const env = { ...process.env, PORTS: ports.join(","), ...environment };
    child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"], env });
    const [said] = (await once(child.stdout!, "data")) as [Buffer];
    assert.match(said.toString(), /listening/);
  };
  afterEach(() => child.kill("SIGKILL"));

  it("says what reached it, on every port, in its answer and in its output", async () => {
    await start({});
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    for (const port of ports) {
      const answered = async (): Promise<unknown> =>
        (await fetch(`http://127.0.0.1:${port}/a?b=c`, { headers: { "x-test": "1" } })).json();
      const seen = (await poll(answered, { timeoutMs: 10_000, what: "an answer" })) as Seen;
      assert.equal(seen.path, "/a?b=c");
      assert.equal(seen.headers["x-test"], "1");
    }
    await poll(() => output.split('"path":"/a?b=c"').length === 3, { timeoutMs: 10_000, what: "two lines of output" });
  });

  it("goes on for a while after SIGTERM, not ready any more, and then ends by itself", async () => {
    await start({ DRAIN_MS: "2000" });
    const url = `http://127.0.0.1:${ports[0]}`;
    const slow = fetch(`${url}/v1/accounts/1?delayMs=500`);
    await poll(async () => (await fetch(`${url}/healthz`)).status === 200, { timeoutMs: 10_000, what: "readiness" });
    child.kill("SIGTERM");
    await poll(async () => (await fetch(`${url}/healthz`)).status === 503, { timeoutMs: 10_000, what: "no readiness" });
    assert.equal((await fetch(`${url}/v1/accounts/2`)).status, 200);
    assert.deepEqual(await (await slow).json(), { account: "1", balance: "100.00", currency: "EUR" });
    const [code] = (await once(child, "exit")) as [number];
    assert.equal(code, 0);
  });

  it("speaks HTTP/2 without TLS when told to", async () => {
    await start({ H2C: "1" });
    const session = connect(`http://127.0.0.1:${ports[0]}`);
    const stream = session.request({ ":path": "/v1/accounts/7" });
    const [headers] = (await once(stream, "response")) as [{ readonly ":status": number }];
    assert.equal(headers[":status"], 200);
    const [body] = (await once(stream, "data")) as [Buffer];
    assert.equal((JSON.parse(body.toString()) as { readonly account: string }).account, "7");
    session.close();
  });
});

interface Seen {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}
