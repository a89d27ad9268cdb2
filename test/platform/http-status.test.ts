import assert from "node:assert/strict";
import type { PageServer } from "../../platform/http-server.ts";
import { createStatusServer, isLocal } from "../../platform/http-status.ts";
import { boundedLabel, counter, FastHistogram, Registry } from "../../platform/metrics.ts";

describe("the status server", () => {
  const registry = new Registry();
  const requests = counter(registry, { name: "t_requests_total", help: "Requests." });
  let ready = false;
  let scrapes = 0;
  /** How long a rendering takes. */
  let slowMs = 0;
  let server: PageServer;
  let base: string;

  before(async () => {
    server = createStatusServer({
      registry,
      beforeScrape: () => {
        scrapes++;
        const endMs = performance.now() + slowMs;
        while (performance.now() < endMs);
      },
      ready: () => ({ ready, reason: "warming up" }),
      routes: {
        "/things/": (url) => (url.pathname === "/things/1" ? { thing: 1 } : undefined),
        "/who": (_url, peer) => ({ peer }),
        "/broken": () => {
          throw new Error("inside");
        },
      },
    });
    const { port } = await server.start({ host: "127.0.0.1", port: 0, path: "" });
    base = `http://127.0.0.1:${port}`;
  });
  after(() => server.stop());

  const get = async (path: string, method = "GET"): Promise<[number, string]> => {
    const response = await fetch(base + path, { method });
    return [response.status, await response.text()];
  };

  it("is alive before it is ready, and says why it is not", async () => {
    assert.deepEqual(await get("/livez"), [200, "alive\n"]);
    assert.deepEqual(await get("/readyz"), [503, "not ready: warming up\n"]);
    ready = true;
    assert.deepEqual(await get("/readyz"), [200, "ready\n"]);
  });

  it("renders metrics after bringing them up to date", async () => {
    requests.inc(3);
    const [status, text] = await get("/metrics");
    assert.equal(status, 200);
    assert.match(text, /t_requests_total 3/);
    assert.equal(scrapes, 1);
  });

  it("renders once for many who ask at the same time, and anew for who asks later", async () => {
    const before = scrapes;
    slowMs = 40;
    const answers = await Promise.all(Array.from({ length: 50 }, () => get("/metrics?" + "a".repeat(4_000))));
    assert.ok(answers.every(([status, text]) => status === 200 && text.includes("t_requests_total")));
    assert.ok(scrapes - before <= 10, `${scrapes - before} renderings`);
    slowMs = 0;
    requests.inc();
    await until(async () => (await get("/metrics"))[1].includes("t_requests_total 4"));
  });

  it("serves a program's own pages, and nothing else", async () => {
    assert.deepEqual(await get("/things/1"), [200, '{"thing":1}\n']);
    assert.equal((await get("/things/2"))[0], 404);
    assert.equal((await get("/etc/passwd"))[0], 404);
    assert.equal((await get("/livez", "POST"))[0], 405);
  });

  it("tells a page who asks", async () => {
    assert.deepEqual(await get("/who"), [200, '{"peer":"127.0.0.1"}\n']);
    const asks = ["127.0.0.1", "127.1.2.3", "::1", "10.0.0.1", "", "fe80::1", "1270.0.0.1"];
    assert.deepEqual(asks.filter(isLocal), ["127.0.0.1", "127.1.2.3", "::1"]);
  });

  it("answers 500 to a page that throws, without its words", async () => {
    const [status, text] = await get("/broken");
    assert.deepEqual([status, text], [500, "internal error\n"]);
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("metrics", () => {
  it("counts a label's values up to its bound, then under _other", () => {
    let overflows = 0;
    const label = boundedLabel(2, () => overflows++);
    assert.deepEqual(["a", "b", "a", "c", "d", "b"].map(label), ["a", "b", "a", "_other", "_other", "b"]);
    assert.equal(overflows, 2);
  });

  it("renders the fast histogram as Prometheus reads it", async () => {
    const registry = new Registry();
    const histogram = new FastHistogram(registry, { name: "t_seconds", help: "Seconds.", buckets: [0.1, 1] });
    for (const value of [0.05, 0.5, 0.1, 7]) histogram.observe(value);
    const text = await registry.metrics();
    assert.match(text, /# TYPE t_seconds histogram/);
    assert.match(text, /t_seconds_bucket\{le="0\.1"\} 2\n/);
    assert.match(text, /t_seconds_bucket\{le="1"\} 3\n/);
    assert.match(text, /t_seconds_bucket\{le="\+Inf"\} 4\n/);
    assert.match(text, /t_seconds_count 4/);
    assert.match(text, /t_seconds_sum 7\.65/);
  });
});
