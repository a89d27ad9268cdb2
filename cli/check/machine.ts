import { createHash } from "node:crypto";
import { accessSync, constants, createReadStream, existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { cachedEnvoy, envoyRelease, findEnvoy } from "../../platform/envoy-binary.ts";
import { CommandError } from "../errors.ts";
import { loadObjects } from "../offline/load.ts";
import type { Shell } from "../shell.ts";
import { fetchPage, stateFolderOf, statusAddressOf, type Reach } from "../status-client.ts";
import { reportChecks, type Check, type CheckFormat } from "./report.ts";

export interface MachineCheckOptions extends Reach {
  readonly output: CheckFormat;
  /** Folder whose objects are read and whose ports are looked at. */
  readonly from?: string | undefined;
}

/** Least version of Node that the programs run on. */
const nodeMajorMin = 24;

/** Looks at this machine: can Picket run here, and does it? 1 when anything fails. */
export async function checkMachine(shell: Shell, options: MachineCheckOptions): Promise<number> {
  const address = statusAddressOf(shell, options);
  const running = await checkRunning(address);
  const checks: Check[] = [
    checkNode(),
    await checkEnvoy(shell),
    checkState(stateFolderOf(shell, options)),
    ...(options.from === undefined ? [] : await checkFolder(shell, options.from, running.isRunning)),
    running.check,
  ];
  return reportChecks(shell, options.output, checks, { fine: "Picket can run here", bad: "something is missing" });
}

function checkNode(): Check {
  const version = process.versions.node;
  const isNew = Number(version.split(".")[0]) >= nodeMajorMin;
  const fix = isNew ? undefined : "make setup, which brings the right Node, and start bin/picket";
  return { name: "node", status: isNew ? "ok" : "fail", message: `version ${version}`, fix };
}

async function checkEnvoy(shell: Shell): Promise<Check> {
  const environment = { ...shell.environment };
  const path = findEnvoy(environment);
  if (path === undefined || !existsSync(path)) {
    return { name: "envoy", status: "fail", message: "no Envoy is found", fix: "make setup, or set PICKET_ENVOY" };
  }
  const digest = await digestOf(path);
  if (digest === envoyRelease.programSha256) {
    return { name: "envoy", status: "ok", message: `version ${envoyRelease.version}, digest as released` };
  }
  const message = `${path} is not the Envoy ${envoyRelease.version} that Picket is tested with`;
  const fix = `remove it and make setup, or unset PICKET_ENVOY to use ${cachedEnvoy(environment)}`;
  // One that was chosen by hand is a choice; one in the cache that differs was changed.
  return { name: "envoy", status: environment["PICKET_ENVOY"] ? "warn" : "fail", message, fix };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Uint8Array);
  return hash.digest("hex");
}

function checkState(folder: string): Check {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    accessSync(at, constants.W_OK);
    return { name: "state folder", status: "ok", message: `${folder} can be written` };
  } catch {
    const fix = "name another with --state-dir or PICKET_STATE_DIR";
    return { name: "state folder", status: "fail", message: `${folder} cannot be written`, fix };
  }
}

async function checkFolder(shell: Shell, folder: string, isRunning: boolean): Promise<readonly Check[]> {
  const { problems, workloads, policies } = loadObjects([folder], shell.folder);
  const fix = problems.length === 0 ? undefined : `picket policy analyze ${folder}`;
  const objects: Check = {
    name: "objects",
    status: problems.length === 0 ? "ok" : "fail",
    message: `${policies.length} policies, ${workloads.length} workloads, ${problems.length} problems`,
    fix,
  };
  // A running Picket holds the ports itself.
  if (isRunning) return [objects];
  const ports = await Promise.all(workloads.map(({ id, listen }) => checkPort(id.name, listen.host, listen.port)));
  return [objects, ...ports];
}

function checkPort(workload: string, host: string, port: number): Promise<Check> {
  const name = `port of ${workload}`;
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      const fix = `end what listens there, or change spec.listen of Workload ${workload}`;
      resolve({ name, status: "fail", message: `${host}:${port} is taken`, fix });
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve({ name, status: "ok", message: `${host}:${port} is free` }));
    });
  });
}

async function checkRunning(address: string): Promise<{ readonly isRunning: boolean; readonly check: Check }> {
  const name = "running";
  try {
    const { status, body } = await fetchPage(address, "/readyz");
    if (status === 200) return { isRunning: true, check: { name, status: "ok", message: `ready at ${address}` } };
    const message = typeof body === "string" ? body.trim().slice(0, 200) : "not ready";
    return { isRunning: true, check: { name, status: "fail", message, fix: "picket status" } };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.code === "PKT0906") {
      return { isRunning: true, check: { name, status: "fail", message: error.message, fix: error.fix } };
    }
    return { isRunning: false, check: { name, status: "warn", message: error.message, fix: error.fix } };
  }
}
