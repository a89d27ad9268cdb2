import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { poll } from "../cluster.ts";
import { cgroupExists } from "../rig/cgroups.ts";
import { succeed } from "../rig/command.ts";
import { requireIsolation } from "../rig/isolation.ts";
import { Unavailable } from "../rig/unavailable.ts";

const program = fileURLToPath(new URL("../main.ts", import.meta.url));
const startTimeoutMs = 150_000;
const pod = `kubectl run one --image=picket.test/application:1 --restart=Never &&
  kubectl wait --for=condition=Ready pod/one --timeout=60s >&2`;

/** Processes that were started out of the folder, whoever is their parent now. */
function processesOf(folder: string): readonly string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${folder}/`);
    } catch {
      return false;
    }
  });
}

function expectNothingOf(folder: string): void {
  assert.deepEqual(processesOf(folder), []);
  assert.equal(existsSync(folder), false);
  assert.equal(cgroupExists(basename(folder)), false);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(folder));
}

/** Starts a cluster with a pod whose folder is told on standard output, and then goes on with the command. */
function runWithPod(command: string): { readonly child: ChildProcess; readonly folder: Promise<string> } {
  const script = `${pod}\necho "$PICKET_CLUSTER"\n${command}`;
  const environment = { ...process.env, PICKET_CLUSTER: "", PICKET_CLUSTER_LOGS: "" };
  const child = spawn(process.execPath, [program, "run", "sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const folder = poll(() => /^\/.*picket-cluster-.*$/m.exec(output)?.[0] ?? ended(), {
    timeoutMs: startTimeoutMs,
    what: "a cluster with a pod",
  }).then((found) => (typeof found === "string" ? found : assert.fail(`it ended without a cluster: ${output}`)));
  return { child, folder };
}

describe("what a cluster leaves on the machine", () => {
  before(async function () {
    try {
      await requireIsolation();
    } catch (error) {
      if (error instanceof Unavailable) this.skip();
      throw error;
    }
  });

  it("is nothing after it was told to stop with pods in it and a command that runs", async () => {
    const { child, folder } = runWithPod("exec sleep 1000");
    const where = await folder;
    assert.notEqual(processesOf(where).length, 0);
    child.kill("SIGTERM");
    await once(child, "exit");
    expectNothingOf(where);
  }).timeout(2 * startTimeoutMs);

  it("is removed by the next start after it was killed", async () => {
    const { child, folder } = runWithPod("exec sleep 1000");
    const where = await folder;
    child.kill("SIGKILL");
    await once(child, "exit");
    await succeed([process.execPath, program, "clean"]);
    expectNothingOf(where);
    assert.equal(existsSync(join("/sys/fs/cgroup", basename(where))), false);
  }).timeout(2 * startTimeoutMs);
});
