import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTool, run, type Ran } from "./tool.ts";

/** Answers on every port with the port's number, over IPv4 and IPv6. */
const server = `
  const ports = process.argv.slice(1).map(Number);
  let waiting = ports.length;
  for (const port of ports) {
    require("node:net").createServer((socket) => socket.on("error", () => {}).end(String(port)))
      .listen(port, "::", () => { if (--waiting === 0) console.log("listening"); });
  }`;

/** Says which port answered, or the code of the error. */
const client = `
  const [host, port] = process.argv.slice(1);
  let text = "";
  require("node:net").connect({ host, port: Number(port) })
    .on("error", (error) => console.log(error.code))
    .on("data", (part) => (text += part)).on("end", () => console.log(text));`;

const openPorts = [15_020, 15_021, 15_090];
const listening = [8080, 9090, 15_006, ...openPorts];
const v4 = "10.77.0.2";
const v6 = "fd77::2";

/** Two network namespaces with a wire between them: a pod, and whoever calls it. */
class Wire {
  readonly pod = `picket-pod-${process.pid}`;
  readonly caller = `picket-caller-${process.pid}`;
  #server: ChildProcess | undefined;

  async lay(): Promise<void> {
    for (const name of [this.pod, this.caller]) must("ip", "netns", "add", name);
    must("ip", "-n", this.caller, "link", "add", "wire0", "type", "veth", "peer", "name", "eth0", "netns", this.pod);
    for (const [name, link, host] of [
      [this.caller, "wire0", 1],
      [this.pod, "eth0", 2],
    ] as const) {
      must("ip", "-n", name, "link", "set", "lo", "up");
      must("ip", "-n", name, "addr", "add", `10.77.0.${host}/24`, "dev", link);
      must("ip", "-n", name, "addr", "add", `fd77::${host}/64`, "dev", link, "nodad");
      must("ip", "-n", name, "link", "set", link, "up");
    }
    this.#server = spawn("nsenter", [...this.#in(this.pod), process.execPath, "-e", server, ...listening.map(String)]);
    await once(this.#server.stdout!, "data");
  }

  take(): void {
    this.#server?.kill("SIGKILL");
    for (const name of [this.pod, this.caller]) spawnSync("ip", ["netns", "del", name]);
  }

  inPod(program: string, parameters: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
    // By its full name: the path of the test may hold nothing else.
    return run(where("nsenter"), [...this.#in(this.pod), program, ...parameters], env);
  }

  /** The port that answered a call. */
  async call(from: string, host: string, port: number): Promise<string> {
    const ran = await run("nsenter", [...this.#in(from), process.execPath, "-e", client, host, String(port)]);
    return ran.stdout.trim();
  }

  #in(name: string): readonly string[] {
    return [`--net=/run/netns/${name}`];
  }
}

function must(program: string, ...parameters: readonly string[]): void {
  const ran = spawnSync(program, parameters, { encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${program} ${parameters.join(" ")}: ${ran.stderr}`);
}

/** A path on which only these programs are. */
function pathOf(...programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "tables-"));
  for (const program of programs) {
    const found = where(program);
    if (found !== "") symlinkSync(found, join(folder, program));
  }
  return folder;
}

function where(program: string): string {
  return spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
}

function variant(name: "nft" | "legacy"): readonly string[] {
  return ["iptables", "ip6tables"].flatMap((program) => [`${program}-${name}`, `${program}-${name}-restore`]);
}

describe("picket-proxy-tool redirect", function () {
  let tool = "";
  let wire: Wire;

  before(function () {
    const isRoot = process.getuid?.() === 0;
    const hasTables = spawnSync("iptables", ["--version"]).status === 0;
    if (!isRoot || !hasTables) {
      if (process.env.CI === "true") throw new Error("needs root and iptables");
      this.skip();
    }
    tool = buildTool(this);
  });
  beforeEach(async () => {
    wire = new Wire();
    await wire.lay();
  });
  afterEach(() => wire?.take());

  const redirect = (settings: NodeJS.ProcessEnv = {}, path = process.env.PATH): Promise<Ran> =>
    wire.inPod(tool, ["redirect"], { PATH: path, PICKET_CAPTURE_PORT: "15006", ...settings });

  /** Where calls to ports that are listened on and to one that is not arrive. */
  async function arrivals(host: string): Promise<Record<number, string>> {
    const ports = [...listening, 7000];
    return Object.fromEntries(
      await Promise.all(ports.map(async (port) => [port, await wire.call(wire.caller, host, port)])),
    );
  }

  const all = { 7000: "15006", 8080: "15006", 9090: "15006", 15_006: "15006" };
  const open = Object.fromEntries(openPorts.map((port) => [port, String(port)]));

  for (const name of ["nft", "legacy"] as const) {
    it(`sends every port of both families to the proxy, but for the proxy's own pages (${name})`, async function () {
      const path = pathOf(...variant(name));
      const ran = await redirect({}, path);
      if (name === "legacy" && /initialize|exist/.test(ran.stderr)) this.skip();
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, new RegExp(`IPv4 redirected to 15006 by iptables-${name}\nIPv6 .* ip6tables-${name}\n`));
      assert.deepEqual(await arrivals(v4), { ...all, ...open });
      assert.deepEqual(await arrivals(v6), { ...all, ...open });
    });
  }

  it("leaves excluded ports out, and only those of its last run", async () => {
    assert.equal((await redirect({ PICKET_EXCLUDE: "8080" })).code, 0);
    assert.equal((await redirect({ PICKET_EXCLUDE: "9090, 7000" })).code, 0);
    const expected = { ...all, ...open, 9090: "9090", 7000: "ECONNREFUSED" };
    assert.deepEqual(await arrivals(v4), expected);
    assert.deepEqual(await arrivals(v6), expected);
  });

  it("changes nothing when it runs again, and touches no rule of others", async () => {
    await wire.inPod("iptables", ["-t", "nat", "-A", "PREROUTING", "-p", "udp", "-j", "ACCEPT"]);
    const rules = async (): Promise<string> => {
      const [four, six] = await Promise.all(
        ["iptables", "ip6tables"].map((one) => wire.inPod(one, ["-t", "nat", "-S"])),
      );
      return `${four?.stdout}${six?.stdout}`;
    };
    await redirect();
    const first = await rules();
    assert.match(first, /-A PREROUTING -p tcp -j PICKET_IN\n-A PREROUTING -p udp -j ACCEPT/);
    for (let i = 0; i < 3; i++) assert.equal((await redirect()).code, 0);
    assert.equal(await rules(), first);
  });

  it("does not touch what the pod calls itself", async () => {
    assert.equal((await redirect()).code, 0);
    for (const host of ["127.0.0.1", v4, v6]) assert.equal(await wire.call(wire.pod, host, 8080), "8080", host);
  });

  it("fails when the pod has IPv6 and IPv6 cannot be redirected", async () => {
    const ran = await redirect({}, pathOf("iptables-nft", "iptables-nft-restore"));
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /the pod has IPv6 addresses \(eth0\) and IPv6 cannot be redirected: there is no ip6tables/,
    );
  });

  it("does without IPv6 where the pod has none", async () => {
    must("ip", "netns", "exec", wire.pod, "sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=1");
    const ran = await redirect({}, pathOf("iptables-nft", "iptables-nft-restore"));
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /IPv6 is not in use here/);
    assert.deepEqual(await arrivals(v4), { ...all, ...open });
  });

  it("fails without iptables, and with settings that do not read", async () => {
    const rows: readonly [NodeJS.ProcessEnv, string | undefined, RegExp][] = [
      [{}, pathOf(), /IPv4 cannot be redirected: there is no iptables/],
      [{ PICKET_CAPTURE_PORT: "" }, process.env.PATH, /PICKET_CAPTURE_PORT must be a port/],
      [{ PICKET_CAPTURE_PORT: "70000" }, process.env.PATH, /PICKET_CAPTURE_PORT must be a port/],
      [{ PICKET_EXCLUDE: "80;-j ACCEPT" }, process.env.PATH, /PICKET_EXCLUDE must be ports/],
      [{ PICKET_EXCLUDE: "80," }, process.env.PATH, /PICKET_EXCLUDE must be ports/],
      [{ PICKET_EXCLUDE: Array.from({ length: 65 }, () => "80").join(",") }, process.env.PATH, /more than 64/],
    ];
    for (const [settings, path, message] of rows) {
      const ran = await redirect(settings, path);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, message);
    }
    assert.equal(await wire.call(wire.caller, v4, 8080), "8080");
  });

  it("tells how it is used", async () => {
    for (const parameters of [[], ["redirect", "now"], ["help"]]) {
      const ran = await run(tool, parameters);
      assert.equal(ran.code, 2);
      assert.match(ran.stderr, /^usage:/);
    }
  });
});
