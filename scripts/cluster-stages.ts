import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const program = join(root, "test/cluster/main.ts");

/** Stages whose tests have a real Kubernetes around them: the control plane alone, or one with a node. */
export type ClusterStage = "control plane" | "cluster";

/** Why a stage cannot run on this machine, in words for people. A stage that can run is not named. */
export type Missing = Partial<Readonly<Record<ClusterStage, string>>>;

/** Long enough for every test to reach its own limit once or twice; then the stage is ended and cleaned up. */
const stageLimitMs = 40 * 60_000;
/** Of one test that does not set its own. */
const testLimitMs = 180_000;
const tellEveryMs = 30_000;

/**
 * Starts to build what clusters are made of, beside the faster tests. Packages of the system come first and are waited
 * for: other tests ask apt-get too, and it serves one at a time.
 */
export function prepareClusters(results: string): () => Promise<Missing> {
  spawnSync(process.execPath, [program, "packages"], { stdio: ["ignore", "ignore", "inherit"] });
  const file = join(results, "cluster-prepare.log");
  const log = openSync(file, "w");
  const child = spawn(process.execPath, [program, "prepare"], { stdio: ["ignore", "pipe", log] });
  closeSync(log);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise<Missing>((resolve) => {
    child.once("error", (error) => resolve(failed(String(error))));
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(output) as Missing);
      else resolve(failed(`test/cluster/main.ts prepare ended with ${code}; see cluster-prepare.log`));
    });
  });
  return async () => {
    const stop = tellWhatGoesOn(file);
    return ended.finally(stop);
  };
}

/** Says now and then what is waited for; nothing when the wait is short. */
function tellWhatGoesOn(file: string): () => void {
  const timer = setInterval(() => {
    const last = readFileSync(file, "utf8").trimEnd().split("\n").at(-1) ?? "";
    process.stderr.write(`waiting: ${last}\n`);
  }, tellEveryMs);
  return () => clearInterval(timer);
}

function failed(reason: string): Missing {
  return { "control plane": reason, cluster: reason };
}

/**
 * Runs mocha; the report goes to a file, progress to standard error. Files with pods share one cluster, around mocha;
 * others start a control plane each, since kinds and admission policies of one would be in the way of the next.
 */
export function runInCluster(stage: ClusterStage, options: MochaRun): { readonly status: string } {
  const reporter = ["--reporter", "./test/cluster/progress.ts", "--reporter-option", `output=${options.report}`];
  const mocha = ["mocha", "--exit", "--timeout", String(testLimitMs), ...reporter, ...options.files];
  const around = stage === "cluster" ? [process.execPath, program, "run"] : [];
  const [command = "", ...words] = [...around, ...mocha];
  const done = spawnSync(command, words, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, FORCE_COLOR: "0", PICKET_CLUSTER: "", PICKET_CLUSTER_LOGS: options.logs },
    timeout: stageLimitMs,
  });
  const inTime = (done.error as { code?: string } | undefined)?.code !== "ETIMEDOUT";
  return { status: inTime ? String(done.status ?? done.signal) : `the limit of ${stageLimitMs / 60_000} minutes` };
}

export interface MochaRun {
  readonly files: readonly string[];
  readonly report: string;
  /** Folder for what the programs of clusters wrote. */
  readonly logs: string;
}
