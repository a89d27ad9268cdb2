import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { joinExpositions } from "../../cli/run/exposition.ts";
import { printText } from "../../cli/run/run-event.ts";
import { lockState, StateInUseError } from "../../cli/run/state-lock.ts";

const runner = fileURLToPath(new URL("run-program.ts", import.meta.url));
const commandLine = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

type Event = Readonly<Record<string, unknown>> & { readonly event: string };

/** `picket run` in a process of its own, with an application behind it that counts. */
class Running {
  readonly folder: string;
  readonly state: string;
  readonly events: Event[] = [];
  readonly statusPort: number;
  errors = "";
  readonly #home: string;
  readonly process: ChildProcess;

  /** With `flags` by the command line, in an environment in which only they say where things are. */
  constructor(home: string, statusPort: number, flags?: readonly string[], more: NodeJS.ProcessEnv = {}) {
    this.#home = home;
    this.folder = join(home, "policies");
    this.state = join(home, "state");
    this.statusPort = statusPort;
    const told =
      flags === undefined
        ? [runner, this.folder, `127.0.0.1:${statusPort}`, this.state]
        : [commandLine, "run", this.folder, ...flags];
    const { PICKET_STATE_DIR: _state, PICKET_STATUS_ADDRESS: _status, ...others } = process.env;
    this.process = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...told], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...(flags === undefined ? process.env : { ...others, XDG_STATE_HOME: join(home, "unasked") }), ...more },
    });
    let rest = "";
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.events.push(JSON.parse(line) as Event);
    });
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.errors += text));
  }

  status(path: string): Promise<{ status: number; text: string }> {
    return get(this.statusPort, path);
  }

  async until(event: string, match: (found: Event) => boolean = () => true, waitMs = 20_000): Promise<Event> {
    await until(
      () => this.events.some((one) => one.event === event && match(one)),
      waitMs,
      () => this.describe(),
    );
    return this.events.find((one) => one.event === event && match(one))!;
  }

  async ready(): Promise<void> {
    await until(
      async () => (await this.status("/readyz")).status === 200,
      20_000,
      () => this.describe(),
    );
  }

  describe(): string {
    return `${this.events.map((one) => JSON.stringify(one)).join("\n")}\n${this.errors}`;
  }

  write(file: string, text: string): void {
    // As editors do: never half a file.
    writeFileSync(join(this.#home, "draft"), text);
    renameSync(join(this.#home, "draft"), join(this.folder, file));
  }

  children(): Readonly<Record<string, number>> {
    const instance = JSON.parse(readFileSync(join(this.state, "run.json"), "utf8")) as {
      children: Record<string, number>;
    };
    return instance.children;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const ended = new Promise<number | null>((resolve) => this.process.once("exit", (code) => resolve(code)));
    this.process.kill(signal);
    return ended;
  }
}

describe("picket run", function () {
  this.timeout(60_000);
  let home: string;
  let application: Server;
  let seen: string[];
  let ports: { readonly listen: number; readonly other: number; readonly status: number; readonly upstream: number };
  let running: Running | undefined;

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "picket-run-test-"));
    mkdirSync(join(home, "policies"));
    seen = [];
    application = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end("application");
    });
    const upstream = await listen(application);
    const [listenPort = 0, other = 0, status = 0] = await freePorts(3);
    ports = { listen: listenPort, other, status, upstream };
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    application.closeAllConnections();
    await new Promise((resolve) => application.close(resolve));
    rmSync(home, { recursive: true, force: true });
  });

  const start = (files: Readonly<Record<string, string>>): Running => {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(home, "policies", file), text);
    return (running = new Running(home, ports.status));
  };
  const files = (): Record<string, string> => ({
    "workloads.yaml": workload("one", ports.listen, ports.upstream) + workload("two", ports.other, ports.upstream),
    "one.yaml": policy("one", "/healthz"),
    "two.yaml": policy("two", "/healthz"),
  });

  it("judges requests through Envoy, says when it is ready, and ends without leaving anything behind", async () => {
    const picket = start(files());
    await picket.ready();
    await picket.until("ready");
    assert.equal((await get(ports.listen, "/healthz")).status, 200);
    const refused = await get(ports.listen, "/other");
    assert.equal(refused.status, 403);
    const decision = (JSON.parse(refused.text) as { decision: string }).decision;
    const explained = await picket.status(`/decisions/${decision}`);
    assert.equal((JSON.parse(explained.text) as { reason: string }).reason, "no-rule-matched");
    assert.deepEqual(seen, ["GET /healthz"], "no canary and nothing refused reached the application");
    const metrics = (await picket.status("/metrics")).text;
    assert.match(metrics, /^picket_sidecars\{state="synced"\} 1$/m);
    assert.match(metrics, /^picket_decisions_total\{/m);
    const status = JSON.parse(readFileSync(join(picket.state, "status/ApiPolicy/shop.one.json"), "utf8")) as {
      status: { proxies: unknown; scorers: unknown; conditions: { type: string; status: string }[] };
    };
    assert.deepEqual(status.status.proxies, { current: 1, total: 1, rejected: 0 });
    assert.deepEqual(status.status.scorers, { current: 1, total: 1, rejected: 0 });
    assert.ok(status.status.conditions.every((condition) => condition.status === "True"));

    const again = new Running(home, (await freePorts(1))[0] ?? 0);
    await new Promise((resolve) => again.process.once("exit", resolve));
    assert.equal(again.process.exitCode, 2);
    assert.match(again.errors, /another picket run .* uses the state folder/);

    const children = Object.values(picket.children());
    assert.equal(children.length, 3);
    const before = performance.now();
    assert.equal(await picket.stop(), 0);
    assert.ok(performance.now() - before < 5_000);
    await until(
      () => children.every((pid) => !isAlive(pid)),
      1_000,
      () => "a child is left",
    );
    assert.equal(picket.events.at(-1)?.event, "stopped");
  });

  it("does as its options say: state folder, status address, JSON events and JSON log, and ends with 0", async () => {
    for (const [file, text] of Object.entries(files())) writeFileSync(join(home, "policies", file), text);
    writeFileSync(join(home, "policies/bad.yaml"), policy("bad", "/x").replace("mode: Enforce", "mode: Enforced"));
    const flags = ["--state-dir", join(home, "state"), "--status-address", `127.0.0.1:${ports.status}`];
    const picket = (running = new Running(home, ports.status, [
      ...flags,
      "--log-format",
      "json",
      "--log-level",
      "info",
      "-o",
      "json",
    ]));
    await picket.until("applied", (one) => one.workload === "shop/one");
    const [started] = picket.events;
    assert.deepEqual(
      [started?.event, started?.folder, started?.status, started?.state],
      ["started", picket.folder, `127.0.0.1:${ports.status}`, picket.state],
    );
    assert.equal((await picket.status("/livez")).status, 200);
    const children = Object.values(picket.children());
    assert.equal(children.length, 3);
    await until(
      () => readdirSync(picket.state).includes("decisions.jsonl"),
      5_000,
      () => picket.describe(),
    );
    assert.equal(await picket.stop("SIGTERM"), 0, picket.errors);
    assert.equal(picket.events.at(-1)?.event, "stopped");
    await until(
      () => children.every((pid) => !isAlive(pid)),
      1_000,
      () => "a child is left",
    );
    const left = readdirSync(picket.state);
    assert.deepEqual(
      ["run.json", "run.lock"].filter((file) => left.includes(file)),
      [],
    );
    assert.deepEqual(readdirSync(home).toSorted(), ["policies", "state"], "nothing lies where nobody asked for it");
    const lines = picket.errors.trimEnd().split("\n");
    const logged = lines.map((line) => JSON.parse(line) as { file?: string; field?: string });
    assert.ok(
      logged.some(({ file, field }) => file === "bad.yaml" && field === "spec.mode"),
      picket.errors,
    );
  });

  it("names file, line and field of a bad object and keeps its last good generation, also over a restart", async () => {
    const picket = start(files());
    await picket.ready();
    picket.write("one.yaml", policy("one", "/healthz").replace("mode: Enforce", "mode: Enforced"));
    const problem = await picket.until("problem");
    assert.deepEqual([problem.file, problem.line, problem.field], ["one.yaml", 6, "spec.mode"]);
    picket.write("two.yaml", policy("two", "/changed"));
    await picket.until(
      "applied",
      (one) => one.workload === "shop/two" && picket.events.indexOf(one) > picket.events.indexOf(problem),
    );
    assert.equal((await get(ports.other, "/changed")).status, 200);
    assert.equal((await get(ports.other, "/healthz")).status, 403);
    assert.equal((await get(ports.listen, "/healthz")).status, 200);
    assert.equal((await get(ports.listen, "/other")).status, 403);
    assert.equal((await picket.status("/readyz")).status, 200);
    await picket.stop();

    const second = (running = new Running(home, ports.status));
    await second.ready();
    assert.equal((await second.until("problem")).file, "one.yaml");
    assert.equal((await get(ports.listen, "/healthz")).status, 200);
    assert.equal((await get(ports.listen, "/other")).status, 403);
    assert.deepEqual(new Set(seen), new Set(["GET /healthz", "GET /changed"]));
  });

  it("keeps a workload at 503 whose policy is bad at the first start, and runs the rest", async () => {
    const picket = start({ ...files(), "one.yaml": policy("one", "/healthz").replace("Enforce", "Enforced") });
    await picket.until("applied", (one) => one.workload === "shop/two");
    await picket.until("closed", (one) => one.workload === "shop/one");
    await until(
      async () => (await get(ports.listen, "/healthz")).status === 503,
      5_000,
      () => picket.describe(),
    );
    assert.equal((await get(ports.other, "/healthz")).status, 200);
    const readiness = await picket.status("/readyz");
    assert.equal(readiness.status, 503);
    assert.match(readiness.text, /ApiPolicy shop\/one is not valid/);
    assert.deepEqual(new Set(seen), new Set(["GET /healthz"]));
    picket.write("one.yaml", policy("one", "/healthz"));
    await picket.ready();
    assert.equal((await get(ports.listen, "/healthz")).status, 200);
  });

  it("refuses while the scorer is away and goes on when it is back; nothing that is refused comes through", async () => {
    const picket = start(files());
    await picket.ready();
    const statuses = new Set<number>();
    const loading = new AbortController();
    const load = (async () => {
      while (!loading.signal.aborted) {
        const answers = await Promise.all(Array.from({ length: 8 }, () => get(ports.listen, "/secret")));
        for (const { status } of answers) statuses.add(status);
      }
    })();
    for (let kills = 0; kills < 3; kills++) {
      const pid = picket.children().scorer!;
      process.kill(pid, "SIGKILL");
      await until(
        () => picket.children().scorer !== pid,
        10_000,
        () => picket.describe(),
      );
      await until(
        async () => (await get(ports.listen, "/healthz")).status === 200,
        10_000,
        () => picket.describe(),
      );
    }
    loading.abort();
    await load;
    assert.deepEqual(
      [...statuses].toSorted((a, b) => a - b),
      [403, 503],
    );
    assert.ok(seen.every((one) => one === "GET /healthz"));
    await picket.ready();
    assert.equal(picket.events.filter((one) => one.event === "child-died").length, 3);
  });

  it("serves on while the operator is away, and takes changes again when it is back", async () => {
    const picket = start(files());
    await picket.ready();
    const pid = picket.children().operator!;
    process.kill(pid, "SIGKILL");
    for (let n = 0; n < 20; n++) {
      assert.equal((await get(ports.listen, "/healthz")).status, 200);
      assert.equal((await get(ports.listen, "/other")).status, 403);
    }
    await picket.until("child-restarted", (one) => one.child === "operator");
    await picket.ready();
    picket.write("one.yaml", policy("one", "/changed"));
    await until(
      async () => (await get(ports.listen, "/changed")).status === 200,
      10_000,
      () => picket.describe(),
    );
  });

  it("turns from observing to enforcing and back without ever closing the workload", async () => {
    const observe = policy("one", "/healthz").replace("mode: Enforce", "mode: Observe");
    const picket = start({ ...files(), "one.yaml": observe });
    await picket.ready();
    assert.equal((await get(ports.listen, "/other")).status, 200);
    for (let turns = 0; turns < 3; turns++) {
      picket.write("one.yaml", policy("one", "/healthz"));
      await until(
        async () => (await get(ports.listen, "/other")).status === 403,
        10_000,
        () => picket.describe(),
      );
      await picket.ready();
      picket.write("one.yaml", observe);
      await until(
        async () => (await get(ports.listen, "/other")).status === 200,
        10_000,
        () => picket.describe(),
      );
    }
    assert.equal(
      picket.events.some((one) => one.event === "closed"),
      false,
    );
  });

  it("leaves no child behind when it is killed hard, and starts again on the same state", async () => {
    const picket = start(files());
    await picket.ready();
    const children = Object.values(picket.children());
    await picket.stop("SIGKILL");
    await until(
      () => children.every((pid) => !isAlive(pid)),
      5_000,
      () => "a child is left",
    );
    const second = (running = new Running(home, ports.status));
    await second.ready();
  });

  it("refuses a folder that is none, and an address that is taken, with an advice", async () => {
    const none = new Running(join(home, "nowhere"), ports.status);
    await new Promise((resolve) => none.process.once("exit", resolve));
    assert.equal(none.process.exitCode, 2);
    assert.match(none.errors, /is no folder\ntry: /);
    const taken = new Running(home, ports.upstream);
    await new Promise((resolve) => taken.process.once("exit", resolve));
    assert.equal(taken.process.exitCode, 2);
    assert.match(taken.errors, /cannot be listened on \(EADDRINUSE\)\ntry: /);
    assert.deepEqual(readdirSync(taken.state).includes("run.lock"), false);
  });
});

describe("picket run that is set wrongly", function () {
  this.timeout(30_000);
  let home: string;
  let running: Running | undefined;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "picket-run-test-"));
    mkdirSync(join(home, "policies"));
  });
  afterEach(async () => {
    await running?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const cases: readonly [string, readonly string[], NodeJS.ProcessEnv, RegExp][] = [
    ["a setting of the scorer", [], { PICKET_DECISIONS: "some" }, /PICKET_DECISIONS[^]*the scorer cannot start/],
    [
      "an Envoy that is not there",
      [],
      { PICKET_ENVOY: "/nope" },
      /PICKET_ENVOY names \/nope, which is not there\ntry: /,
    ],
    ["an Envoy that is none", [], { PICKET_ENVOY: "/bin/true" }, /\/bin\/true does not say its version[^]*\ntry: /],
    ["a state folder that cannot be", ["--state-dir", "/proc/nope"], {}, /\/proc\/nope cannot be written[^]*\ntry: /],
  ];
  for (const [what, flags, environment, words] of cases) {
    it(`ends with 2 and says why: ${what}`, async () => {
      const options = ["--status-address", "127.0.0.1:0", "-o", "json", ...flags];
      const picket = (running = new Running(home, 0, options, environment));
      await until(
        () => picket.process.exitCode !== null,
        15_000,
        () => picket.describe(),
      );
      assert.equal(picket.process.exitCode, 2);
      assert.match(picket.errors, words);
      assert.equal(
        picket.events.some(({ event }) => event === "child-restarted"),
        false,
      );
    });
  }

  it("is ready with an empty folder and says that it protects nothing; /run tells where its state lies", async () => {
    const state = join(home, "state");
    const picket = (running = new Running(home, 0, [
      "--status-address",
      "127.0.0.1:0",
      "--state-dir",
      state,
      "-o",
      "json",
    ]));
    assert.equal((await picket.until("ready")).isEmpty, true);
    const port = Number(/:([0-9]+)$/.exec(String((await picket.until("started")).status))?.[1]);
    const told = JSON.parse((await get(port, "/run")).text) as unknown;
    assert.deepEqual(told, { pid: picket.process.pid, folder: picket.folder, stateDir: state });
    assert.match(printText({ event: "ready", isEmpty: true }), /no policy and no workload/);
  });
});

describe("state lock", () => {
  it("is refused while its holder lives and taken over when it is dead", () => {
    const folder = mkdtempSync(join(tmpdir(), "lock-"));
    try {
      const unlock = lockState(folder);
      assert.throws(() => lockState(folder), StateInUseError);
      unlock();
      writeFileSync(join(folder, "run.lock"), JSON.stringify({ pid: process.pid, startedAt: "1" }));
      lockState(folder)();
      writeFileSync(join(folder, "run.lock"), "half a li");
      lockState(folder)();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("joined metrics", () => {
  it("have each family once, with the program as label where two programs have it", () => {
    const joined = joinExpositions({
      operator: '# HELP a A.\n# TYPE a gauge\na{x="1"} 1\na 2\n# HELP b B.\n# TYPE b counter\nb 3\n',
      scorer: '# HELP a A.\n# TYPE a gauge\na{x="1"} 4\n',
    });
    assert.equal(
      joined,
      '# HELP a A.\n# TYPE a gauge\na{program="operator",x="1"} 1\na{program="operator"} 2\n' +
        'a{program="scorer",x="1"} 4\n# HELP b B.\n# TYPE b counter\nb 3\n',
    );
  });
});

function policy(name: string, path: string): string {
  return `apiVersion: picket.dev/v1alpha1
kind: ApiPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: apps, kind: Deployment, name: ${name} }]
  mode: Enforce
  access:
    default: Deny
    rules:
      - name: only
        match: [{ methods: [GET], path: ${path} }]
        effect: Allow
`;
}

function workload(name: string, listenPort: number, upstream: number): string {
  return `---
apiVersion: picket.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { listen: "127.0.0.1:${listenPort}", upstream: "127.0.0.1:${upstream}" }
`;
}

async function get(port: number, path: string): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
    return { status: response.status, text: await response.text() };
  } catch {
    return { status: 0, text: "nobody answers" };
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map(listen));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function isAlive(pid: number): boolean {
  try {
    // A process that ended and waits to be collected has an empty command line.
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}

async function until(done: () => boolean | Promise<boolean>, waitMs: number, describe: () => string): Promise<void> {
  const end = performance.now() + waitMs;
  while (!(await done())) {
    if (performance.now() > end) assert.fail(`did not happen in time:\n${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
